"""A second implementation of the wire, from its description and on other libraries than the program's.

Nothing here is shared with the Swift code: curves and ciphers are those of OpenSSL (`cryptography`), secp256k1 is
`ecdsa`, Keccak is `pycryptodome`. It exists to be disagreed with.
"""
