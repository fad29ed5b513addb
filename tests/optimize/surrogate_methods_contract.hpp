// The contract and the helpers of tests under an earlier name.
#pragma once

#include "optimize/optimizer_contract.hpp"
