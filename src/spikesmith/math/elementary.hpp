// Elementary functions over a policy of operations (see operations.hpp): within 2 units in the last place over the whole
// range, infinities, NaN and subnormals included. No tables, no branches except `rarely`.
#pragma once

#include "spikesmith/math/operations.hpp"
