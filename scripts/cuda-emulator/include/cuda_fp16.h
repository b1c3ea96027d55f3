#pragma once
#include "half.h"
using __half = EmulatedHalf<EmulatedF16>;
using __half2 = EmulatedPair<__half>;
