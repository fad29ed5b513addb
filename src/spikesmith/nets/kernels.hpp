// The arithmetic of the networks on blocks of samples, one table of functions per instruction set (internal).
//
// A block is feature-major: a row holds one feature of many samples side by side. Lanes, the number of samples, are
// multiples of 16; unused ones are padding. Rows are addressed by lists of row numbers, so that permutations, splits and
// concatenations cost nothing.
//
// The same bits for every instruction set: lanes do not mix, sums over inputs run in their order with fused
// multiply-adds, and sums over lanes have 16 partial sums, whatever the machine's width, added in a fixed tree.
// Included by files compiled for several instruction sets: nothing here may have a body.
#pragma once

#include <cstddef>
#include <cstdint>

namespace spikesmith::nets {

constexpr std::size_t lane_group = 16;

// Row r starts at base + index[r] * stride.
struct Rows {
    float* base;
    std::size_t stride;
    const std::uint32_t* index;
};

enum class Activation { none, tanh, relu };

// A layer y = W x + b. Row o of W (row-major, outputs x inputs) is zero beyond its first lengths[o] entries; lengths
// ascend. Null lengths: dense.
struct Layer {
    std::size_t inputs;
    std::size_t outputs;
    const std::uint32_t* lengths;  // outputs
    const std::uint32_t* starts;   // inputs: first output that uses the input; null: 0
    const float* weights;
    const float* bias;  // may be null
};

struct MixtureShape {
    std::size_t components;
    std::size_t dimensions;
};

struct Interval {  // where a density is cut; infinite: nowhere
    float lower;
    float upper;
};

struct SplineShape {
    std::size_t bins;
    float bound;
    float scale;  // of raw widths and heights: 1 / sqrt(hidden features)
};

struct Kernels {
    // y = activation(W x + b + add); a null base of `add` means none; `add` may be y itself.
    void (*affine)(const Layer& layer, Rows x, Rows add, Rows y, std::size_t lanes, Activation activation);
    // x_gradient = W' y_gradient * derivative of the activation that gave x (rows x_values) [+ x_gradient].
    void (*affine_transposed)(const Layer& layer, Rows y_gradient, Rows x_values, Rows x_gradient, std::size_t lanes,
                              bool accumulate, Activation activation);
    // weight_gradient += sum over lanes of y_gradient x', and bias_gradient likewise (may be null); and so for `times`
    // positions, each x_step and y_step floats further.
    void (*affine_gradient)(const Layer& layer, Rows y_gradient, Rows x, std::size_t lanes, std::size_t times,
                            std::size_t x_step, std::size_t y_step, float* weight_gradient, float* bias_gradient);

    // Element by element over `rows` rows.
    void (*tanh)(Rows x, Rows y, std::size_t rows, std::size_t lanes);
    void (*relu)(Rows x, Rows y, std::size_t rows, std::size_t lanes);
    void (*sigmoid)(Rows x, Rows y, std::size_t rows, std::size_t lanes);
    void (*softplus)(Rows x, Rows y, std::size_t rows, std::size_t lanes);
    // gradient *= derivative, from the activation's value.
    void (*tanh_gradient)(Rows value, Rows gradient, std::size_t rows, std::size_t lanes);
    void (*relu_gradient)(Rows value, Rows gradient, std::size_t rows, std::size_t lanes);
    void (*multiply_add)(Rows a, Rows b, Rows c, Rows y, std::size_t rows, std::size_t lanes);  // y = a * b + c
    void (*add)(Rows x, Rows y, std::size_t rows, std::size_t lanes);                           // y += x
    // Of h += t * g with g = logistic(a): t_gradient = h_gradient * g, a_gradient += h_gradient * t * g (1 - g).
    void (*gate_gradient)(Rows h_gradient, Rows t, Rows g, Rows t_gradient, Rows a_gradient, std::size_t rows,
                          std::size_t lanes);
    void (*layer_norm)(Rows x, Rows y, std::size_t rows, std::size_t lanes, const float* gain, const float* shift,
                       float* mean, float* inverse_deviation, bool relu);
    // From the gradient of y (in place to that of x); adds to the gradients of gain and shift.
    void (*layer_norm_gradient)(Rows x, Rows gradient, std::size_t rows, std::size_t lanes, const float* gain,
                                const float* mean, const float* inverse_deviation, float* gain_gradient,
                                float* shift_gradient);
    float (*sum)(const float* x, std::size_t lanes);

    // MAF: u, t, x -> u becomes the derivative of softplus, `scale` the scale, t becomes y = scale x + t; log_volume (a
    // row) = sum of log scale.
    void (*autoregressive)(Rows u, Rows t, Rows x, Rows scale, std::size_t rows, std::size_t lanes, float* log_volume);
    // y's gradient is also that of t. x_gradient is the direct part, y_gradient * scale.
    void (*autoregressive_gradient)(Rows u, Rows x, Rows scale, Rows y_gradient, Rows u_gradient, Rows x_gradient,
                                    std::size_t rows, std::size_t lanes, const float* upstream);
    // x = (y - t) / (softplus(u) + 1e-3).
    void (*autoregressive_inverse)(Rows u, Rows t, Rows y, Rows x, std::size_t rows, std::size_t lanes);
    // out (a row) = -sum x^2 / 2; gradient = -upstream x.
    void (*gaussian)(Rows x, std::size_t rows, std::size_t lanes, float* out);
    void (*gaussian_gradient)(Rows x, Rows gradient, std::size_t rows, std::size_t lanes, const float* upstream);

    // Rational-quadratic spline of one value: `raw` has 3 bins - 1 rows. log_volume += log y'.
    void (*spline)(const SplineShape& shape, Rows raw, const float* x, float* y, std::size_t lanes, float* log_volume);
    void (*spline_gradient)(const SplineShape& shape, Rows raw, const float* x, std::size_t lanes,
                            const float* y_gradient, const float* upstream, Rows raw_gradient, float* x_gradient);
    void (*spline_inverse)(const SplineShape& shape, Rows raw, const float* y, float* x, std::size_t lanes);

    // In place; the gradients from the functions' values, in place.
    void (*log_softmax)(Rows x, std::size_t rows, std::size_t lanes);
    void (*log_softmax_gradient)(Rows value, Rows gradient, std::size_t rows, std::size_t lanes);
    void (*softplus_gradient)(Rows value, Rows gradient, std::size_t rows, std::size_t lanes);
    // MDN with heads: K normalised log weights, K D means, K D diagonals, K D (D - 1) / 2 upper entries.
    // scratch: K + 2 D rows, kept for the gradient. out = log of the mixture without -D/2 log 2 pi.
    void (*mdn)(const MixtureShape& shape, Rows heads, Rows theta, std::size_t lanes, Rows scratch, float* out);
    // Adds to heads_gradient, writes theta_gradient.
    void (*mdn_gradient)(const MixtureShape& shape, Rows heads, Rows theta, std::size_t lanes, Rows scratch,
                         const float* out, const float* upstream, Rows heads_gradient, Rows theta_gradient);

    // One-dimensional mixture with K logits, K means, K raw deviations (raw: 3 K rows), each component cut at the interval's bounds. out +=
    // log density + log sqrt(2 pi). The gradient call recomputes; x_gradient is written.
    void (*mixture)(std::size_t components, Interval interval, Rows raw, const float* x, std::size_t lanes, float* out);
    void (*mixture_gradient)(std::size_t components, Interval interval, Rows raw, const float* x, std::size_t lanes,
                             const float* upstream, Rows raw_gradient, float* x_gradient);

    // Pairs of uniform numbers, a in (0, 1] and b in [-1/2, 1/2], become pairs of normal ones, in place (Box & Muller 1958).
    void (*normals)(Rows a, Rows b, std::size_t rows, std::size_t lanes);

    float (*squared_norm)(const float* x, std::size_t n);
    void (*adam)(float* parameters, float* gradient, float* first, float* second, std::size_t n, float scale,
                 float rate, float beta1, float beta2, float epsilon, float second_correction);
};

// Null for what was not compiled in.
[[nodiscard]] const Kernels* portable_kernels();
[[nodiscard]] const Kernels* avx2_kernels();
[[nodiscard]] const Kernels* avx512_kernels();

}  // namespace spikesmith::nets
