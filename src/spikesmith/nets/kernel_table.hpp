// The table of kernels of an instruction set S (internal).
#pragma once

#include "spikesmith/nets/dense_kernels.hpp"
#include "spikesmith/nets/density_kernels.hpp"

namespace spikesmith::nets {

template <class S>
constexpr Kernels kernel_table{
    .affine = Dense<S>::affine,
    .affine_transposed = Dense<S>::affine_transposed,
    .affine_gradient = Dense<S>::affine_gradient,
    .tanh = Dense<S>::tanh,
    .relu = Dense<S>::relu,
    .sigmoid = Dense<S>::sigmoid,
    .softplus = Dense<S>::softplus_rows,
    .tanh_gradient = Dense<S>::tanh_gradient,
    .relu_gradient = Dense<S>::relu_gradient,
    .multiply_add = Dense<S>::multiply_add,
    .add = Dense<S>::add,
    .gate_gradient = Dense<S>::gate_gradient,
    .layer_norm = Dense<S>::layer_norm,
    .layer_norm_gradient = Dense<S>::layer_norm_gradient,
    .sum = Dense<S>::sum,
    .autoregressive = DensityMath<S>::autoregressive,
    .autoregressive_gradient = DensityMath<S>::autoregressive_gradient,
    .autoregressive_inverse = DensityMath<S>::autoregressive_inverse,
    .gaussian = DensityMath<S>::gaussian,
    .gaussian_gradient = DensityMath<S>::gaussian_gradient,
    .spline = DensityMath<S>::spline,
    .spline_gradient = DensityMath<S>::spline_gradient,
    .spline_inverse = DensityMath<S>::spline_inverse,
    .log_softmax = DensityMath<S>::log_softmax,
    .log_softmax_gradient = DensityMath<S>::log_softmax_gradient,
    .softplus_gradient = Dense<S>::softplus_gradient,
    .mdn = DensityMath<S>::mdn,
    .mdn_gradient = DensityMath<S>::mdn_gradient,
    .mixture = DensityMath<S>::mixture,
    .mixture_gradient = DensityMath<S>::mixture_gradient,
    .normals = Dense<S>::normals,
    .squared_norm = Dense<S>::squared_norm,
    .adam = Dense<S>::adam,
};

}  // namespace spikesmith::nets
