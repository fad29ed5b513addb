// Dense and masked layers, activations, Adam: templates over an instruction set S (internal; see kernels.hpp).
//
// Products are computed in tiles of S::tile_rows rows by up to S::tile_vectors vectors of lanes that stay in registers.
#pragma once

#include "spikesmith/nets/kernels.hpp"
#include "spikesmith/nets/vector_math.hpp"

namespace spikesmith::nets {

template <class S>
struct Dense {
    using V = typename S::V;
    static constexpr std::size_t width = S::width;

    static float* row(const Rows& rows, std::size_t r) { return rows.base + rows.index[r] * rows.stride; }

    // acc[r][v] += sum over i in [begin, end) of coefficient(r, i) * input row i.
    template <int R, int N>
    static __attribute__((always_inline)) void multiply(const float* coefficients, std::size_t row_step,
                                                        std::size_t input_step, std::size_t begin, std::size_t end,
                                                        const Rows& x, std::size_t lane, V (&acc)[R][N]) {
        const float* const base = x.base + lane;
        for (std::size_t i = begin; i < end; ++i) {
            const float* const source = base + x.index[i] * x.stride;
            V input[N];
#pragma GCC unroll 8
            for (int v = 0; v < N; ++v) input[v] = S::load(source + v * width);
            const float* const c = coefficients + i * input_step;
#pragma GCC unroll 8
            for (int r = 0; r < R; ++r) {
                const V w = S::set(c[r * row_step]);
#pragma GCC unroll 8
                for (int v = 0; v < N; ++v) acc[r][v] = S::fma(w, input[v], acc[r][v]);
            }
        }
    }

    template <int R, int N>
    static void forward_tile(const Layer& layer, const Rows& x, const Rows& add, const Rows& y, std::size_t o,
                             std::size_t lane, Activation activation) {
        V acc[R][N];
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
            const V bias = layer.bias != nullptr ? S::set(layer.bias[o + r]) : S::zero();
#pragma GCC unroll 8
            for (int v = 0; v < N; ++v) acc[r][v] = bias;
        }
        const std::size_t end = layer.lengths != nullptr ? layer.lengths[o + R - 1] : layer.inputs;
        multiply<R, N>(layer.weights + o * layer.inputs, layer.inputs, 1, 0, end, x, lane, acc);
        for (int r = 0; r < R; ++r) {
            float* const target = row(y, o + r) + lane;
            if (add.base != nullptr) {
                const float* const more = row(add, o + r) + lane;
                for (int v = 0; v < N; ++v) acc[r][v] = S::add(acc[r][v], S::load(more + v * width));
            }
            for (int v = 0; v < N; ++v) S::store(target + v * width, acc[r][v]);
        }
        if (activation == Activation::none) return;
        for (int r = 0; r < R; ++r) {
            float* const target = row(y, o + r) + lane;
            if (activation == Activation::tanh) {
                for (int v = 0; v < N; ++v)
                    S::store(target + v * width, hyperbolic_tangent<S>(S::load(target + v * width)));
            } else {
                for (int v = 0; v < N; ++v)
                    S::store(target + v * width, S::max(S::zero(), S::load(target + v * width)));
            }
        }
    }

    template <int R, int N>
    static void backward_tile(const Layer& layer, const Rows& y_gradient, const Rows& x_values, const Rows& x_gradient,
                              std::size_t i, std::size_t lane, bool accumulate, Activation activation) {
        V acc[R][N];
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
            for (int v = 0; v < N; ++v) acc[r][v] = S::zero();
        }
        const std::size_t begin = layer.starts != nullptr ? layer.starts[i] : 0;
        multiply<R, N>(layer.weights + i, 1, layer.inputs, begin, layer.outputs, y_gradient, lane, acc);
        for (int r = 0; r < R; ++r) {
            float* const target = row(x_gradient, i + r) + lane;
            if (activation != Activation::none) {
                const float* const value = row(x_values, i + r) + lane;
                for (int v = 0; v < N; ++v) acc[r][v] = derivative(activation, S::load(value + v * width), acc[r][v]);
            }
            if (accumulate) {
                for (int v = 0; v < N; ++v) acc[r][v] = S::add(acc[r][v], S::load(target + v * width));
            }
            for (int v = 0; v < N; ++v) S::store(target + v * width, acc[r][v]);
        }
    }

    static V derivative(Activation activation, V value, V gradient) {
        if (activation == Activation::tanh) return S::mul(gradient, S::fnma(value, value, S::set(1.0F)));
        return S::select(S::less(S::zero(), value), gradient, S::zero());
    }

    // Calls f.template operator()<N>(lane) for groups of at most S::tile_vectors vectors, as equal as they can be.
    template <class F>
    static void over_lanes(std::size_t lanes, const F& f) {
        const std::size_t vectors = lanes / width;
        const std::size_t groups = (vectors + S::tile_vectors - 1) / S::tile_vectors;
        std::size_t done = 0;
        for (std::size_t g = 0; g < groups; ++g) {
            const std::size_t n = (vectors - done + (groups - g) - 1) / (groups - g);
            const std::size_t lane = done * width;
            if constexpr (S::tile_vectors >= 4) {
                if (n == 4) f.template operator()<4>(lane);
                if (n == 3) f.template operator()<3>(lane);
            }
            if (n == 2) f.template operator()<2>(lane);
            if (n == 1) f.template operator()<1>(lane);
            done += n;
        }
    }

    // Calls f.template operator()<R>(row) for all rows.
    template <class F>
    static void over_rows(std::size_t rows, const F& f) {
        std::size_t r = 0;
        for (; r + S::tile_rows <= rows; r += S::tile_rows) f.template operator()<S::tile_rows>(r);
        if constexpr (S::tile_rows > 4) {
            if (r + 4 <= rows) {
                f.template operator()<4>(r);
                r += 4;
            }
        }
        if (r + 2 <= rows) {
            f.template operator()<2>(r);
            r += 2;
        }
        if (r < rows) f.template operator()<1>(r);
    }

    static void affine(const Layer& layer, Rows x, Rows add, Rows y, std::size_t lanes, Activation activation) {
        over_lanes(lanes, [&]<int N>(std::size_t lane) {
            over_rows(layer.outputs,
                      [&]<int R>(std::size_t o) { forward_tile<R, N>(layer, x, add, y, o, lane, activation); });
        });
    }

    static void affine_transposed(const Layer& layer, Rows y_gradient, Rows x_values, Rows x_gradient,
                                  std::size_t lanes, bool accumulate, Activation activation) {
        over_lanes(lanes, [&]<int N>(std::size_t lane) {
            over_rows(layer.inputs, [&]<int R>(std::size_t i) {
                backward_tile<R, N>(layer, y_gradient, x_values, x_gradient, i, lane, accumulate, activation);
            });
        });
    }

    // Tile of A outputs by B inputs; 16 partial sums each. Outputs before first_o and inputs before first_i are done.
    template <int A, int B>
    static void gradient_tile(const Layer& layer, const Rows& y_gradient, const Rows& x, std::size_t lanes,
                              std::size_t times, std::size_t x_step, std::size_t y_step, std::size_t o, std::size_t i,
                              std::size_t first_o, std::size_t first_i, float* result) {
        constexpr int parts = static_cast<int>(lane_group / width);
        V acc[A * B][parts];
#pragma GCC unroll 32
        for (int k = 0; k < A * B; ++k) {
#pragma GCC unroll 4
            for (int p = 0; p < parts; ++p) acc[k][p] = S::zero();
        }
        const float* left[A];
        const float* right[B];
#pragma GCC unroll 8
        for (int a = 0; a < A; ++a) left[a] = row(y_gradient, o + a);
#pragma GCC unroll 8
        for (int b = 0; b < B; ++b) right[b] = row(x, i + b);
        for (std::size_t t = 0; t < times; ++t) {
            for (std::size_t lane = 0; lane < lanes; lane += lane_group) {
#pragma GCC unroll 4
                for (int p = 0; p < parts; ++p) {
                    V in[B];
#pragma GCC unroll 8
                    for (int b = 0; b < B; ++b) in[b] = S::load(right[b] + t * x_step + lane + p * width);
#pragma GCC unroll 8
                    for (int a = 0; a < A; ++a) {
                        const V g = S::load(left[a] + t * y_step + lane + p * width);
#pragma GCC unroll 8
                        for (int b = 0; b < B; ++b) acc[a * B + b][p] = S::fma(g, in[b], acc[a * B + b][p]);
                    }
                }
            }
        }
        float sums[A * B];
        S::template reduce<A * B, parts>(acc, sums);
        for (std::size_t a = o < first_o ? first_o - o : 0; a < A; ++a) {
            const std::size_t length = layer.lengths != nullptr ? layer.lengths[o + a] : layer.inputs;
            for (std::size_t b = i < first_i ? first_i - i : 0; b < B; ++b) {
                if (i + b < length) result[(o + a) * layer.inputs + i + b] += sums[a * B + b];
            }
        }
    }

    // The last tile of a row or column reaches back over what is done: cheaper than narrow tiles.
    template <int A>
    static void gradient_row_tiles(const Layer& layer, const Rows& y_gradient, const Rows& x, std::size_t lanes,
                                   std::size_t times, std::size_t x_step, std::size_t y_step, std::size_t o,
                                   std::size_t first_o, float* result) {
        constexpr std::size_t tile = S::gradient_tile;
        const std::size_t end = layer.lengths != nullptr ? layer.lengths[o + A - 1] : layer.inputs;
        if (layer.inputs < tile) {
            for (std::size_t i = 0; i < end; ++i) {
                gradient_tile<A, 1>(layer, y_gradient, x, lanes, times, x_step, y_step, o, i, first_o, 0, result);
            }
            return;
        }
        for (std::size_t i = 0; i < end; i += tile) {
            const std::size_t start = i + tile <= layer.inputs ? i : layer.inputs - tile;
            gradient_tile<A, S::gradient_tile>(layer, y_gradient, x, lanes, times, x_step, y_step, o, start, first_o, i,
                                               result);
        }
    }

    static void affine_gradient(const Layer& layer, Rows y_gradient, Rows x, std::size_t lanes, std::size_t times,
                                std::size_t x_step, std::size_t y_step, float* weight_gradient, float* bias_gradient) {
        constexpr std::size_t tile = S::gradient_tile;
        if (layer.outputs < tile) {
            for (std::size_t o = 0; o < layer.outputs; ++o) {
                gradient_row_tiles<1>(layer, y_gradient, x, lanes, times, x_step, y_step, o, 0, weight_gradient);
            }
        } else {
            for (std::size_t o = 0; o < layer.outputs; o += tile) {
                const std::size_t start = o + tile <= layer.outputs ? o : layer.outputs - tile;
                gradient_row_tiles<S::gradient_tile>(layer, y_gradient, x, lanes, times, x_step, y_step, start, o,
                                                     weight_gradient);
            }
        }
        if (bias_gradient == nullptr) return;
        std::size_t o = 0;
        for (; o + 16 <= layer.outputs; o += 16) bias_sums<16>(y_gradient, lanes, times, y_step, o, bias_gradient);
        for (; o < layer.outputs; ++o) bias_sums<1>(y_gradient, lanes, times, y_step, o, bias_gradient);
    }

    template <int R>
    static void bias_sums(const Rows& y_gradient, std::size_t lanes, std::size_t times, std::size_t y_step,
                          std::size_t o, float* bias_gradient) {
        constexpr int parts = static_cast<int>(lane_group / width);
        V acc[R][parts];
        for (int r = 0; r < R; ++r) {
            const float* const from = row(y_gradient, o + r);
            V partial[parts];
            for (int p = 0; p < parts; ++p) partial[p] = S::zero();
            for (std::size_t t = 0; t < times; ++t) {
                for (std::size_t lane = 0; lane < lanes; lane += lane_group) {
                    for (int p = 0; p < parts; ++p)
                        partial[p] = S::add(partial[p], S::load(from + t * y_step + lane + p * width));
                }
            }
            for (int p = 0; p < parts; ++p) acc[r][p] = partial[p];
        }
        float sums[R];
        S::template reduce<R, parts>(acc, sums);
        for (int r = 0; r < R; ++r) bias_gradient[o + r] += sums[r];
    }

    static float sum(const float* x, std::size_t lanes) {
        constexpr int parts = static_cast<int>(lane_group / width);
        V acc[1][parts];
        for (int p = 0; p < parts; ++p) acc[0][p] = S::zero();
        for (std::size_t lane = 0; lane < lanes; lane += lane_group) {
            for (int p = 0; p < parts; ++p) acc[0][p] = S::add(acc[0][p], S::load(x + lane + p * width));
        }
        float result[1];
        S::template reduce<1, parts>(acc, result);
        return result[0];
    }

    // --- element by element -----------------------------------------------------------------------------------------
    template <class F>
    static void map(Rows x, Rows y, std::size_t rows, std::size_t lanes, const F& f) {
        for (std::size_t r = 0; r < rows; ++r) {
            const float* const from = row(x, r);
            float* const to = row(y, r);
            for (std::size_t lane = 0; lane < lanes; lane += width) S::store(to + lane, f(S::load(from + lane)));
        }
    }
    template <class F>
    static void update(Rows x, Rows y, std::size_t rows, std::size_t lanes, const F& f) {
        for (std::size_t r = 0; r < rows; ++r) {
            const float* const from = row(x, r);
            float* const to = row(y, r);
            for (std::size_t lane = 0; lane < lanes; lane += width) {
                S::store(to + lane, f(S::load(from + lane), S::load(to + lane)));
            }
        }
    }
    static void tanh(Rows x, Rows y, std::size_t rows, std::size_t lanes) {
        map(x, y, rows, lanes, [](V v) { return hyperbolic_tangent<S>(v); });
    }
    static void relu(Rows x, Rows y, std::size_t rows, std::size_t lanes) {
        map(x, y, rows, lanes, [](V v) { return S::max(S::zero(), v); });
    }
    static void sigmoid(Rows x, Rows y, std::size_t rows, std::size_t lanes) {
        map(x, y, rows, lanes, [](V v) { return logistic<S>(v); });
    }
    static void softplus_rows(Rows x, Rows y, std::size_t rows, std::size_t lanes) {
        map(x, y, rows, lanes, [](V v) { return softplus<S>(v).value; });
    }
    static void tanh_gradient(Rows value, Rows gradient, std::size_t rows, std::size_t lanes) {
        update(value, gradient, rows, lanes, [](V v, V g) { return derivative(Activation::tanh, v, g); });
    }
    static void relu_gradient(Rows value, Rows gradient, std::size_t rows, std::size_t lanes) {
        update(value, gradient, rows, lanes, [](V v, V g) { return derivative(Activation::relu, v, g); });
    }
    // From the softplus's value: its derivative is 1 - exp(-value).
    static void softplus_gradient(Rows value, Rows gradient, std::size_t rows, std::size_t lanes) {
        update(value, gradient, rows, lanes, [](V v, V g) {
            const auto e = reduce_exponential<S>(S::sub(S::zero(), v));
            const V less_one = S::fma(e.power, e.less_one, S::sub(e.power, S::set(1.0F)));
            return S::sub(S::zero(), S::mul(g, less_one));
        });
    }
    static void multiply_add(Rows a, Rows b, Rows c, Rows y, std::size_t rows, std::size_t lanes) {
        for (std::size_t r = 0; r < rows; ++r) {
            const float* const left = row(a, r);
            const float* const right = row(b, r);
            const float* const more = row(c, r);
            float* const to = row(y, r);
            for (std::size_t lane = 0; lane < lanes; lane += width) {
                S::store(to + lane, S::fma(S::load(left + lane), S::load(right + lane), S::load(more + lane)));
            }
        }
    }
    static void add(Rows x, Rows y, std::size_t rows, std::size_t lanes) {
        update(x, y, rows, lanes, [](V v, V t) { return S::add(t, v); });
    }
    static void gate_gradient(Rows h_gradient, Rows t, Rows g, Rows t_gradient, Rows g_gradient, std::size_t rows,
                              std::size_t lanes) {
        for (std::size_t r = 0; r < rows; ++r) {
            for (std::size_t lane = 0; lane < lanes; lane += width) {
                const V up = S::load(row(h_gradient, r) + lane);
                const V gate = S::load(row(g, r) + lane);
                const V through = S::mul(up, gate);
                S::store(row(t_gradient, r) + lane, through);
                const V slope = S::mul(S::load(row(t, r) + lane), S::sub(S::set(1.0F), gate));
                float* const target = row(g_gradient, r) + lane;
                S::store(target, S::fma(through, slope, S::load(target)));
            }
        }
    }

    static void layer_norm(Rows x, Rows y, std::size_t rows, std::size_t lanes, const float* gain, const float* shift,
                           float* mean, float* inverse_deviation, bool relu) {
        const V share = S::set(1.0F / static_cast<float>(rows));
        for (std::size_t lane = 0; lane < lanes; lane += width) {
            V total = S::zero();
            for (std::size_t r = 0; r < rows; ++r) total = S::add(total, S::load(row(x, r) + lane));
            const V centre = S::mul(total, share);
            V squares = S::zero();
            for (std::size_t r = 0; r < rows; ++r) {
                const V d = S::sub(S::load(row(x, r) + lane), centre);
                squares = S::fma(d, d, squares);
            }
            const V inverse = S::div(S::set(1.0F), S::sqrt(S::fma(squares, share, S::set(1e-5F))));
            S::store(mean + lane, centre);
            S::store(inverse_deviation + lane, inverse);
            for (std::size_t r = 0; r < rows; ++r) {
                const V normal = S::mul(S::sub(S::load(row(x, r) + lane), centre), inverse);
                const V value = S::fma(normal, S::set(gain[r]), S::set(shift[r]));
                S::store(row(y, r) + lane, relu ? S::max(S::zero(), value) : value);
            }
        }
    }

    static void layer_norm_gradient(Rows x, Rows gradient, std::size_t rows, std::size_t lanes, const float* gain,
                                    const float* mean, const float* inverse_deviation, float* gain_gradient,
                                    float* shift_gradient) {
        constexpr int parts = static_cast<int>(lane_group / width);
        for (std::size_t r = 0; r < rows; ++r) {
            V acc[2][parts];
            for (int p = 0; p < parts; ++p) acc[0][p] = acc[1][p] = S::zero();
            for (std::size_t lane = 0; lane < lanes; lane += lane_group) {
                for (int p = 0; p < parts; ++p) {
                    const std::size_t at = lane + p * width;
                    const V g = S::load(row(gradient, r) + at);
                    const V normal =
                        S::mul(S::sub(S::load(row(x, r) + at), S::load(mean + at)), S::load(inverse_deviation + at));
                    acc[0][p] = S::fma(g, normal, acc[0][p]);
                    acc[1][p] = S::add(acc[1][p], g);
                }
            }
            float sums[2];
            S::template reduce<2, parts>(acc, sums);
            gain_gradient[r] += sums[0];
            shift_gradient[r] += sums[1];
        }
        const V share = S::set(1.0F / static_cast<float>(rows));
        for (std::size_t lane = 0; lane < lanes; lane += width) {
            const V centre = S::load(mean + lane);
            const V inverse = S::load(inverse_deviation + lane);
            V total = S::zero();
            V along = S::zero();
            for (std::size_t r = 0; r < rows; ++r) {
                const V g = S::mul(S::load(row(gradient, r) + lane), S::set(gain[r]));
                const V normal = S::mul(S::sub(S::load(row(x, r) + lane), centre), inverse);
                total = S::add(total, g);
                along = S::fma(g, normal, along);
            }
            total = S::mul(total, share);
            along = S::mul(along, share);
            for (std::size_t r = 0; r < rows; ++r) {
                float* const target = row(gradient, r) + lane;
                const V g = S::mul(S::load(target), S::set(gain[r]));
                const V normal = S::mul(S::sub(S::load(row(x, r) + lane), centre), inverse);
                S::store(target, S::mul(inverse, S::fnma(normal, along, S::sub(g, total))));
            }
        }
    }

    static void normals(Rows a, Rows b, std::size_t rows, std::size_t lanes) {
        for (std::size_t r = 0; r < rows; ++r) {
            for (std::size_t lane = 0; lane < lanes; lane += width) {
                float* const first = row(a, r) + lane;
                float* const second = row(b, r) + lane;
                const V radius = S::sqrt(S::max(S::zero(), S::mul(S::set(-2.0F), logarithm<S>(S::load(first)))));
                const Turn<S> angle = turn<S>(S::load(second));
                S::store(first, S::mul(radius, angle.cosine));
                S::store(second, S::mul(radius, angle.sine));
            }
        }
    }

    // --- optimiser --------------------------------------------------------------------------------------------------
    static float squared_norm(const float* x, std::size_t n) {
        constexpr int parts = static_cast<int>(lane_group / width);
        V acc[1][parts];
        for (int p = 0; p < parts; ++p) acc[0][p] = S::zero();
        std::size_t i = 0;
        for (; i + lane_group <= n; i += lane_group) {
            for (int p = 0; p < parts; ++p) {
                const V v = S::load(x + i + p * width);
                acc[0][p] = S::fma(v, v, acc[0][p]);
            }
        }
        float result[1];
        S::template reduce<1, parts>(acc, result);
        for (; i < n; ++i) result[0] += x[i] * x[i];
        return result[0];
    }

    static void adam(float* parameters, float* gradient, float* first, float* second, std::size_t n, float scale,
                     float rate, float beta1, float beta2, float epsilon, float second_correction) {
        const auto step = [&](V g, V& m, V& v, V w) {
            g = S::mul(g, S::set(scale));
            m = S::fma(S::set(beta1), m, S::mul(S::set(1.0F - beta1), g));
            v = S::fma(S::set(beta2), v, S::mul(S::set(1.0F - beta2), S::mul(g, g)));
            const V deviation = S::add(S::mul(S::sqrt(v), S::set(second_correction)), S::set(epsilon));
            return S::fnma(S::set(rate), S::div(m, deviation), w);
        };
        std::size_t i = 0;
        for (; i + width <= n; i += width) {
            V m = S::load(first + i);
            V v = S::load(second + i);
            const V w = step(S::load(gradient + i), m, v, S::load(parameters + i));
            S::store(parameters + i, w);
            S::store(first + i, m);
            S::store(second + i, v);
            S::store(gradient + i, S::zero());
        }
        if (i == n) return;
        float tail[4][width] = {};
        for (std::size_t k = i; k < n; ++k) {
            tail[0][k - i] = parameters[k];
            tail[1][k - i] = gradient[k];
            tail[2][k - i] = first[k];
            tail[3][k - i] = second[k];
        }
        V m = S::load(tail[2]);
        V v = S::load(tail[3]);
        S::store(tail[0], step(S::load(tail[1]), m, v, S::load(tail[0])));
        S::store(tail[2], m);
        S::store(tail[3], v);
        for (std::size_t k = i; k < n; ++k) {
            parameters[k] = tail[0][k - i];
            gradient[k] = 0;
            first[k] = tail[2][k - i];
            second[k] = tail[3][k - i];
        }
    }
};

}  // namespace spikesmith::nets
