"""What a person's program does with Ollama's own client (ollama on PyPI), which knows nothing of this project.

    python3 -m ollama_session http://127.0.0.1:PORT MODEL

Prints what it was told, one JSON object a line.
"""

import json
import sys

import ollama


def tell(kind, **what):
    print(json.dumps({"kind": kind, **what}), flush=True)


def main(host, model):
    client = ollama.Client(host=host, timeout=60)
    tell("list", models=[entry.model for entry in client.list().models])
    tell("show", family=client.show(model).details.family)

    def said(text):
        return [{"role": "user", "content": text}]

    whole = client.chat(model, said("say one two"))
    tell("chat", text=whole.message.content, done=whole.done, counted=whole.eval_count)
    parts = list(client.chat(model, said("say one two"), stream=True))
    tell(
        "stream",
        text="".join(part.message.content or "" for part in parts),
        done=[part.done for part in parts],
    )
    tell("generate", text=client.generate(model, "say three").response)
    made = client.generate(model, "say three four", stream=True, options={"num_predict": 9})
    tell("generate stream", text="".join(part.response for part in made))

    def look(a: int) -> str:
        """Looks.

        Args:
          a: where
        """
        return f"saw {a}"

    messages = said("call")
    asked = client.chat(model, messages, tools=[look]).message
    call = asked.tool_calls[0].function
    tell("tool", name=call.name, arguments=dict(call.arguments))
    messages += [
        {"role": "assistant", "content": "Let me look.", "tool_calls": asked.tool_calls},
        {"role": "tool", "tool_name": call.name, "content": look(**call.arguments)},
    ]
    tell("tool answer", text=client.chat(model, messages).message.content)

    for stream in (False, True):
        try:
            for _ in client.chat(model, said("refuse"), stream=True) if stream else [client.chat(model, said("refuse"))]:
                pass
        except ollama.ResponseError as error:
            tell("refused", status=error.status_code, text=error.error)
    words = []
    try:
        for part in client.chat(model, said("die one two"), stream=True):
            words.append(part.message.content or "")
    except ollama.ResponseError as error:
        tell("broken", words="".join(words), text=error.error)


main(*sys.argv[1:])
