#pragma once
#include "half.h"
using __nv_bfloat16 = EmulatedHalf<EmulatedBf16>;
using __nv_bfloat162 = EmulatedPair<__nv_bfloat16>;
