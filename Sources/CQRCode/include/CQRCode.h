// libqrencode: texts as QR codes.
#pragma once
#include <qrencode.h>
