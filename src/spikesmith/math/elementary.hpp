// Elementary functions over a policy `B` of operations (see operations.hpp), in double and single precision:
//
//   exp expm1 exprel exprel_near_0 x_over_expm1 sinh cosh tanh  exponential.hpp
//   exprel_slope exprel_near_0_slope x_over_expm1_slope     exponential.hpp, derivatives
//   x_over_expm1_given                                      exponential.hpp
//   log log1p log10 pow arcsinh arccosh arctanh             logarithm.hpp
//   sin cos tan arcsin arccos arctan arctan2                trigonometric.hpp
//   floor_divide modulo sign                                division.hpp
//
//   template <class B> typename B::Real exp(const B& b, typename B::Real x);   and so on
//
// All but the derivatives are within 2 units in the last place over the whole range, subnormal numbers included; infinities, NaN and signed zeros
// as IEEE 754 and C's Annex F have them. No branches except `rarely` and `seldom`. Built from exactly
// rounded operations only, so every policy on every machine gives the same bits. Single precision uses float arithmetic
// throughout, with shorter polynomials. Measured errors: docs/math.md.
#pragma once

#include "spikesmith/math/division.hpp"
#include "spikesmith/math/exponential.hpp"
#include "spikesmith/math/logarithm.hpp"
#include "spikesmith/math/operations.hpp"
#include "spikesmith/math/trigonometric.hpp"
