// The densities' own arithmetic: affine autoregressive steps, rational-quadratic splines, Gaussian mixtures; templates
// over an instruction set S (internal; see kernels.hpp). The formulas are in docs/nets.md.
#pragma once

#include "spikesmith/nets/kernels.hpp"
#include "spikesmith/nets/vector_math.hpp"

namespace spikesmith::nets {

constexpr std::size_t max_local = 64;  // bins or one-dimensional components that fit the local arrays

template <class S>
struct DensityMath {
    using V = typename S::V;
    static constexpr std::size_t width = S::width;

    static float* row(const Rows& rows, std::size_t r) { return rows.base + rows.index[r] * rows.stride; }
    static V at(const Rows& rows, std::size_t r, std::size_t lane) { return S::load(row(rows, r) + lane); }
    static void put(const Rows& rows, std::size_t r, std::size_t lane, V v) { S::store(row(rows, r) + lane, v); }
    static V negative(V v) { return S::sub(S::zero(), v); }
    static V one() { return S::set(1.0F); }

    // --- affine autoregressive step -----------------------------------------------------------------------------------
    static void autoregressive(Rows u, Rows t, Rows x, Rows scale, std::size_t rows, std::size_t lanes,
                               float* log_volume) {
        for (std::size_t lane = 0; lane < lanes; lane += width) {
            V total = S::zero();
            for (std::size_t r = 0; r < rows; ++r) {
                const auto positive = softplus<S>(at(u, r, lane));
                const V s = S::add(positive.value, S::set(1e-3F));
                put(u, r, lane, positive.derivative);
                put(scale, r, lane, s);
                put(t, r, lane, S::fma(s, at(x, r, lane), at(t, r, lane)));
                total = S::add(total, logarithm<S>(s));
            }
            S::store(log_volume + lane, total);
        }
    }

    static void autoregressive_gradient(Rows u, Rows x, Rows scale, Rows y_gradient, Rows u_gradient, Rows x_gradient,
                                        std::size_t rows, std::size_t lanes, const float* upstream) {
        for (std::size_t lane = 0; lane < lanes; lane += width) {
            const V up = S::load(upstream + lane);
            for (std::size_t r = 0; r < rows; ++r) {
                const V s = at(scale, r, lane);
                const V g = at(y_gradient, r, lane);
                put(u_gradient, r, lane, S::mul(at(u, r, lane), S::fma(g, at(x, r, lane), S::div(up, s))));
                put(x_gradient, r, lane, S::mul(g, s));
            }
        }
    }

    static void autoregressive_inverse(Rows u, Rows t, Rows y, Rows x, std::size_t rows, std::size_t lanes) {
        for (std::size_t r = 0; r < rows; ++r) {
            for (std::size_t lane = 0; lane < lanes; lane += width) {
                const V s = S::add(softplus<S>(at(u, r, lane)).value, S::set(1e-3F));
                put(x, r, lane, S::div(S::sub(at(y, r, lane), at(t, r, lane)), s));
            }
        }
    }

    static void gaussian(Rows x, std::size_t rows, std::size_t lanes, float* out) {
        for (std::size_t lane = 0; lane < lanes; lane += width) {
            V total = S::zero();
            for (std::size_t r = 0; r < rows; ++r) total = S::fma(at(x, r, lane), at(x, r, lane), total);
            S::store(out + lane, S::mul(S::set(-0.5F), total));
        }
    }

    static void gaussian_gradient(Rows x, Rows gradient, std::size_t rows, std::size_t lanes, const float* upstream) {
        for (std::size_t r = 0; r < rows; ++r) {
            for (std::size_t lane = 0; lane < lanes; lane += width) {
                put(gradient, r, lane, negative(S::mul(S::load(upstream + lane), at(x, r, lane))));
            }
        }
    }

    // --- rational-quadratic spline --------------------------------------------------------------------------------------
    // One axis of the spline: shares p of the bins, and the bin that a value falls into.
    struct Axis {
        V share[max_local];
        V size(std::size_t k, float extent, float rest) const {
            return S::mul(S::set(extent), S::fma(S::set(rest), share[k], S::set(1e-3F)));
        }
    };
    struct Bin {
        V index;  // as a number
        V x, width, y, height, slope, next_slope;
        V logistic, next_logistic;  // derivatives of the slopes by their raw values; 0 at the ends
    };

    static void shares(const SplineShape& shape, const Rows& raw, std::size_t first, std::size_t lane, Axis& axis) {
        const V scale = S::set(shape.scale);
        V largest = S::mul(scale, at(raw, first, lane));
        for (std::size_t k = 1; k < shape.bins; ++k) largest = S::max(largest, S::mul(scale, at(raw, first + k, lane)));
        V total = S::zero();
        for (std::size_t k = 0; k < shape.bins; ++k) {
            axis.share[k] = exponential<S>(S::sub(S::mul(scale, at(raw, first + k, lane)), largest));
            total = S::add(total, axis.share[k]);
        }
        const V inverse = S::div(one(), total);
        for (std::size_t k = 0; k < shape.bins; ++k) axis.share[k] = S::mul(axis.share[k], inverse);
    }

    // The bin of `value`, which is an x or (by_height) a y.
    static Bin find(const SplineShape& shape, const Rows& raw, std::size_t lane, const Axis& widths,
                    const Axis& heights, V value, bool by_height) {
        const float extent = 2 * shape.bound;
        const float rest = 1.0F - 1e-3F * static_cast<float>(shape.bins);
        V left = S::set(-shape.bound);
        V low = left;
        Bin bin;
        V raw_slope = S::zero();
        V raw_next = S::zero();
        for (std::size_t k = 0; k < shape.bins; ++k) {
            const V w = widths.size(k, extent, rest);
            const V h = heights.size(k, extent, rest);
            const V before = k == 0 ? S::zero() : at(raw, 2 * shape.bins + k - 1, lane);
            const V after = k + 1 == shape.bins ? S::zero() : at(raw, 2 * shape.bins + k, lane);
            if (k == 0) {
                bin.index = S::zero();
                bin.x = left;
                bin.width = w;
                bin.y = low;
                bin.height = h;
                raw_next = after;
            } else {
                const auto here = S::less(by_height ? low : left, value);
                bin.index = S::select(here, S::set(static_cast<float>(k)), bin.index);
                bin.x = S::select(here, left, bin.x);
                bin.width = S::select(here, w, bin.width);
                bin.y = S::select(here, low, bin.y);
                bin.height = S::select(here, h, bin.height);
                raw_slope = S::select(here, before, raw_slope);
                raw_next = S::select(here, after, raw_next);
            }
            left = S::add(left, w);
            low = S::add(low, h);
        }
        const auto is_inner = S::less(S::zero(), bin.index);
        const auto next_is_inner = S::less(bin.index, S::set(static_cast<float>(shape.bins) - 1.5F));
        const auto slope = softplus<S>(raw_slope);
        const auto next = softplus<S>(raw_next);
        bin.slope = S::select(is_inner, S::add(slope.value, S::set(1e-3F)), one());
        bin.next_slope = S::select(next_is_inner, S::add(next.value, S::set(1e-3F)), one());
        bin.logistic = S::select(is_inner, slope.derivative, S::zero());
        bin.next_logistic = S::select(next_is_inner, next.derivative, S::zero());
        return bin;
    }

    struct Inside {
        V xi, rest, e, delta, b, numerator, denominator, slope_term;
    };
    static Inside evaluate(const Bin& bin, V x) {
        Inside in;
        in.xi = S::min(one(), S::div(S::sub(x, bin.x), bin.width));
        in.rest = S::sub(one(), in.xi);
        in.e = S::mul(in.xi, in.rest);
        in.delta = S::div(bin.height, bin.width);
        in.b = S::fnma(S::set(2.0F), in.delta, S::add(bin.slope, bin.next_slope));
        in.numerator = S::fma(in.delta, S::mul(in.xi, in.xi), S::mul(bin.slope, in.e));
        in.denominator = S::fma(in.b, in.e, in.delta);
        in.slope_term = S::fma(bin.next_slope, S::mul(in.xi, in.xi),
                               S::fma(S::add(in.delta, in.delta), in.e, S::mul(bin.slope, S::mul(in.rest, in.rest))));
        return in;
    }

    static void spline(const SplineShape& shape, Rows raw, const float* x, float* y, std::size_t lanes,
                       float* log_volume) {
        for (std::size_t lane = 0; lane < lanes; lane += width) {
            const V value = S::load(x + lane);
            Axis widths;
            Axis heights;
            shares(shape, raw, 0, lane, widths);
            shares(shape, raw, shape.bins, lane, heights);
            const auto inside = S::less(S::absolute(value), S::set(shape.bound));
            const V used = S::select(inside, value, S::zero());
            const Bin bin = find(shape, raw, lane, widths, heights, used, false);
            const Inside in = evaluate(bin, used);
            const V out = S::fma(bin.height, S::div(in.numerator, in.denominator), bin.y);
            const V ratio = S::div(in.delta, in.denominator);
            const V change = logarithm<S>(S::mul(in.slope_term, S::mul(ratio, ratio)));
            S::store(y + lane, S::select(inside, out, value));
            S::store(log_volume + lane, S::add(S::load(log_volume + lane), S::select(inside, change, S::zero())));
        }
    }

    static void share_gradient(const SplineShape& shape, const Axis& axis, const Rows& raw_gradient, std::size_t first,
                               std::size_t lane, V index, V position_gradient, V size_gradient) {
        const float factor = 2 * shape.bound * (1.0F - 1e-3F * static_cast<float>(shape.bins));
        const auto by_size = [&](std::size_t k) {
            const V number = S::set(static_cast<float>(k));
            const V before = S::select(S::less(number, index), position_gradient, S::zero());
            const auto here = S::less(S::absolute(S::sub(number, index)), S::set(0.5F));
            return S::add(before, S::select(here, size_gradient, S::zero()));
        };
        V mean = S::zero();
        for (std::size_t k = 0; k < shape.bins; ++k) mean = S::fma(axis.share[k], by_size(k), mean);
        const V scale = S::set(factor * shape.scale);
        for (std::size_t k = 0; k < shape.bins; ++k) {
            put(raw_gradient, first + k, lane, S::mul(scale, S::mul(axis.share[k], S::sub(by_size(k), mean))));
        }
    }

    static void spline_gradient(const SplineShape& shape, Rows raw, const float* x, std::size_t lanes,
                                const float* y_gradient, const float* upstream, Rows raw_gradient, float* x_gradient) {
        for (std::size_t lane = 0; lane < lanes; lane += width) {
            const V value = S::load(x + lane);
            Axis widths;
            Axis heights;
            shares(shape, raw, 0, lane, widths);
            shares(shape, raw, shape.bins, lane, heights);
            const auto inside = S::less(S::absolute(value), S::set(shape.bound));
            const V used = S::select(inside, value, S::zero());
            const Bin bin = find(shape, raw, lane, widths, heights, used, false);
            const Inside in = evaluate(bin, used);
            const V gy = S::select(inside, S::load(y_gradient + lane), S::zero());
            const V gl = S::select(inside, S::load(upstream + lane), S::zero());
            const V two = S::set(2.0F);

            const V per_denominator = S::div(one(), in.denominator);
            const V fraction = S::mul(in.numerator, per_denominator);
            const V g_numerator = S::mul(S::mul(gy, bin.height), per_denominator);
            const V g_denominator =
                negative(S::mul(per_denominator, S::fma(two, gl, S::mul(S::mul(gy, bin.height), fraction))));
            const V g_term = S::div(gl, in.slope_term);
            const V xi2 = S::mul(in.xi, in.xi);
            const V gb = S::mul(g_denominator, in.e);
            V g_delta = S::div(S::mul(two, gl), in.delta);
            g_delta = S::fma(g_numerator, xi2, g_delta);
            g_delta = S::add(g_delta, g_denominator);
            g_delta = S::fma(S::mul(two, g_term), in.e, g_delta);
            g_delta = S::fnma(two, gb, g_delta);
            const V ge =
                S::fma(g_numerator, bin.slope, S::fma(g_denominator, in.b, S::mul(S::mul(two, g_term), in.delta)));
            const V g_slope = S::fma(g_numerator, in.e, S::fma(g_term, S::mul(in.rest, in.rest), gb));
            const V g_next = S::fma(g_term, xi2, gb);
            V g_xi = S::mul(S::mul(two, S::mul(g_numerator, in.delta)), in.xi);
            g_xi = S::fma(S::mul(two, g_term), S::sub(S::mul(bin.next_slope, in.xi), S::mul(bin.slope, in.rest)), g_xi);
            g_xi = S::fma(ge, S::fnma(two, in.xi, one()), g_xi);
            const V per_width = S::div(one(), bin.width);
            const V g_height = S::fma(g_delta, per_width, S::mul(gy, fraction));
            const V g_width = negative(S::mul(per_width, S::fma(g_delta, in.delta, S::mul(g_xi, in.xi))));
            const V gx = S::mul(g_xi, per_width);

            share_gradient(shape, widths, raw_gradient, 0, lane, bin.index, negative(gx), g_width);
            share_gradient(shape, heights, raw_gradient, shape.bins, lane, bin.index, gy, g_height);
            const V g_raw = S::mul(g_slope, bin.logistic);
            const V g_raw_next = S::mul(g_next, bin.next_logistic);
            for (std::size_t k = 0; k + 1 < shape.bins; ++k) {
                const V distance = S::sub(bin.index, S::set(static_cast<float>(k)));  // 1: left slope, 0: right slope
                const V left = S::select(S::less(S::absolute(S::sub(distance, one())), S::set(0.5F)), g_raw, S::zero());
                const V right = S::select(S::less(S::absolute(distance), S::set(0.5F)), g_raw_next, S::zero());
                put(raw_gradient, 2 * shape.bins + k, lane, S::add(left, right));
            }
            S::store(x_gradient + lane, S::select(inside, gx, S::load(y_gradient + lane)));
        }
    }

    static void spline_inverse(const SplineShape& shape, Rows raw, const float* y, float* x, std::size_t lanes) {
        for (std::size_t lane = 0; lane < lanes; lane += width) {
            const V value = S::load(y + lane);
            Axis widths;
            Axis heights;
            shares(shape, raw, 0, lane, widths);
            shares(shape, raw, shape.bins, lane, heights);
            const auto inside = S::less(S::absolute(value), S::set(shape.bound));
            const V used = S::select(inside, value, S::zero());
            const Bin bin = find(shape, raw, lane, widths, heights, used, true);
            const V delta = S::div(bin.height, bin.width);
            const V up = S::min(bin.height, S::sub(used, bin.y));
            const V bend = S::fnma(S::set(2.0F), delta, S::add(bin.slope, bin.next_slope));
            const V a = S::fma(up, bend, S::mul(bin.height, S::sub(delta, bin.slope)));
            const V b = S::fnma(up, bend, S::mul(bin.height, bin.slope));
            const V c = negative(S::mul(delta, up));
            const V discriminant = S::max(S::zero(), S::fnma(S::mul(S::set(4.0F), a), c, S::mul(b, b)));
            const V xi = S::div(S::mul(S::set(2.0F), c), negative(S::add(b, S::sqrt(discriminant))));
            S::store(x + lane, S::select(inside, S::fma(xi, bin.width, bin.x), value));
        }
    }

    // --- mixtures ---------------------------------------------------------------------------------------------------------
    static void log_softmax(Rows x, std::size_t rows, std::size_t lanes) {
        for (std::size_t lane = 0; lane < lanes; lane += width) {
            V largest = at(x, 0, lane);
            for (std::size_t r = 1; r < rows; ++r) largest = S::max(largest, at(x, r, lane));
            V total = S::zero();
            for (std::size_t r = 0; r < rows; ++r)
                total = S::add(total, exponential<S>(S::sub(at(x, r, lane), largest)));
            const V shift = S::add(largest, logarithm<S>(total));
            for (std::size_t r = 0; r < rows; ++r) put(x, r, lane, S::sub(at(x, r, lane), shift));
        }
    }

    static void log_softmax_gradient(Rows value, Rows gradient, std::size_t rows, std::size_t lanes) {
        for (std::size_t lane = 0; lane < lanes; lane += width) {
            V total = S::zero();
            for (std::size_t r = 0; r < rows; ++r) total = S::add(total, at(gradient, r, lane));
            for (std::size_t r = 0; r < rows; ++r) {
                put(gradient, r, lane, S::fnma(exponential<S>(at(value, r, lane)), total, at(gradient, r, lane)));
            }
        }
    }

    // Positions of the MDN's heads.
    struct Heads {
        std::size_t K, D, triangle;
        explicit Heads(const MixtureShape& shape)
            : K(shape.components), D(shape.dimensions), triangle(shape.dimensions * (shape.dimensions - 1) / 2) {}
        std::size_t mean(std::size_t k, std::size_t d) const { return K + k * D + d; }
        std::size_t diagonal(std::size_t k, std::size_t d) const { return K + (K + k) * D + d; }
        std::size_t upper(std::size_t k) const { return K + 2 * K * D + k * triangle; }
    };

    // scratch rows: K log densities, D differences, D whitened differences.
    static void whiten(const Heads& at_head, const Rows& heads, const Rows& theta, const Rows& scratch, std::size_t k,
                       std::size_t lane) {
        const std::size_t D = at_head.D;
        for (std::size_t d = 0; d < D; ++d) {
            put(scratch, at_head.K + d, lane, S::sub(at(theta, d, lane), at(heads, at_head.mean(k, d), lane)));
        }
        std::size_t entry = at_head.upper(k);
        for (std::size_t i = 0; i < D; ++i) {
            V total = S::mul(at(heads, at_head.diagonal(k, i), lane), at(scratch, at_head.K + i, lane));
            for (std::size_t j = i + 1; j < D; ++j, ++entry) {
                total = S::fma(at(heads, entry, lane), at(scratch, at_head.K + j, lane), total);
            }
            put(scratch, at_head.K + D + i, lane, total);
        }
    }

    static void mdn(const MixtureShape& shape, Rows heads, Rows theta, std::size_t lanes, Rows scratch, float* out) {
        const Heads head(shape);
        for (std::size_t lane = 0; lane < lanes; lane += width) {
            V largest = S::set(-3e38F);
            for (std::size_t k = 0; k < head.K; ++k) {
                whiten(head, heads, theta, scratch, k, lane);
                V log_density = at(heads, k, lane);
                V squares = S::zero();
                for (std::size_t d = 0; d < head.D; ++d) {
                    log_density =
                        S::add(log_density, logarithm<S>(S::max(S::set(1e-30F), at(heads, head.diagonal(k, d), lane))));
                    const V y = at(scratch, head.K + head.D + d, lane);
                    squares = S::fma(y, y, squares);
                }
                log_density = S::fma(S::set(-0.5F), squares, log_density);
                put(scratch, k, lane, log_density);
                largest = S::max(largest, log_density);
            }
            V total = S::zero();
            for (std::size_t k = 0; k < head.K; ++k)
                total = S::add(total, exponential<S>(S::sub(at(scratch, k, lane), largest)));
            S::store(out + lane, S::add(largest, logarithm<S>(total)));
        }
    }

    static void mdn_gradient(const MixtureShape& shape, Rows heads, Rows theta, std::size_t lanes, Rows scratch,
                             const float* out, const float* upstream, Rows heads_gradient, Rows theta_gradient) {
        const Heads head(shape);
        const auto increase = [](const Rows& rows, std::size_t r, std::size_t lane, V v) {
            put(rows, r, lane, S::add(at(rows, r, lane), v));
        };
        for (std::size_t lane = 0; lane < lanes; lane += width) {
            for (std::size_t d = 0; d < head.D; ++d) put(theta_gradient, d, lane, S::zero());
            for (std::size_t k = 0; k < head.K; ++k) {
                const V share =
                    S::mul(S::load(upstream + lane), exponential<S>(S::sub(at(scratch, k, lane), S::load(out + lane))));
                whiten(head, heads, theta, scratch, k, lane);
                increase(heads_gradient, k, lane, share);
                for (std::size_t d = 0; d < head.D; ++d) {
                    const std::size_t y = head.K + head.D + d;
                    const V gy = negative(S::mul(share, at(scratch, y, lane)));
                    put(scratch, y, lane, gy);
                    const V inverse = S::div(share, S::max(S::set(1e-30F), at(heads, head.diagonal(k, d), lane)));
                    increase(heads_gradient, head.diagonal(k, d), lane,
                             S::fma(gy, at(scratch, head.K + d, lane), inverse));
                }
                std::size_t entry = head.upper(k);
                for (std::size_t i = 0; i < head.D; ++i) {
                    const V gy = at(scratch, head.K + head.D + i, lane);
                    const V direct = S::mul(gy, at(heads, head.diagonal(k, i), lane));
                    increase(theta_gradient, i, lane, direct);
                    increase(heads_gradient, head.mean(k, i), lane, negative(direct));
                    for (std::size_t j = i + 1; j < head.D; ++j, ++entry) {
                        increase(heads_gradient, entry, lane, S::mul(gy, at(scratch, head.K + j, lane)));
                        const V through = S::mul(gy, at(heads, entry, lane));
                        increase(theta_gradient, j, lane, through);
                        increase(heads_gradient, head.mean(k, j), lane, negative(through));
                    }
                }
            }
        }
    }

    // A standard normal density cut at a < b, at t between them.
    struct Cut {
        V log_density;  // + log sqrt(2 pi)
        V by_place;     // its derivative by the mean, in deviations
        V by_spread;    // by the logarithm of the inverse deviation
    };
    // Seen from the bound that is nearer to 0 and with distances, `from_a` = t - a, `to_b` = b - t and `between` = b - a, lest squares
    // cancel. If 0 is outside, the probability between the bounds is phi(a) times a difference of Mills' ratios, else 1 less two tails.
    static Cut cut_normal(V a, V b, V from_a, V to_b, V between) {
        const auto mirrored = S::less(S::add(a, b), S::zero());
        const V low = S::select(mirrored, negative(b), a);
        const V high = S::add(low, between);
        const V distance = S::select(mirrored, to_b, from_a);
        const auto outside = S::less(S::zero(), low);
        const V ratio_low = mills_ratio<S>(S::absolute(low));
        const V ratio_high = mills_ratio<S>(high);
        const V half = S::set(-0.5F);
        const V fall = exponential<S>(S::mul(S::mul(half, between), S::add(high, low)));  // phi(high) / phi(low)
        const V squared = S::mul(S::mul(half, low), low);
        const V bell = S::mul(S::set(0.398942280F), exponential<S>(squared));              // phi(low)
        const V beyond = S::fnma(ratio_high, fall, ratio_low);                             // the probability / phi(low)
        const V within = S::fnma(bell, S::fma(ratio_high, fall, ratio_low), one());        // the probability
        const V at_low = S::select(outside, S::div(one(), beyond), S::div(bell, within));  // phi / the probability
        const V at_high = S::mul(at_low, fall);
        const V drop = S::mul(S::mul(half, distance), S::fma(S::set(2.0F), low, distance));  // log phi(t) / phi(low)
        const V log_density = S::sub(S::select(outside, S::add(drop, S::set(0.918938533F)), S::add(drop, squared)),
                                     logarithm<S>(S::select(outside, beyond, within)));
        const V excess = S::sub(at_low, low);
        const V by_place = S::sub(S::add(distance, at_high), excess);
        // 1 - t^2 + low at_low - high at_high
        const V by_spread = S::fma(low, excess, S::fnma(high, at_high, S::fma(S::set(2.0F), drop, one())));
        return {log_density, S::select(mirrored, negative(by_place), by_place), by_spread};
    }

    // Log density of each component times its weight (not normalised), and what its derivatives need.
    struct Component {
        V log_density, by_x, by_mean, by_deviation;  // derivatives; that by the raw deviation
    };
    // Deviations are 0.01 at least. Of cut components they reach to 8 times the interval, and means no further beyond a bound than
    // the other bound is from it: steeper densities than that would not be normalised in single precision.
    template <bool cut>
    static Component component(std::size_t K, Interval interval, const Rows& raw, std::size_t k, std::size_t lane,
                               V x) {
        const auto positive = softplus<S>(at(raw, 2 * K + k, lane));
        const V deviation = S::add(positive.value, S::set(1e-2F));
        const V plain = S::div(one(), deviation);
        const V mean = at(raw, K + k, lane);
        if constexpr (!cut) {
            const V t = S::mul(S::sub(x, mean), plain);
            const V log_density =
                S::fma(S::mul(S::set(-0.5F), t), t, S::sub(at(raw, k, lane), logarithm<S>(deviation)));
            const V by_mean = S::mul(t, plain);
            return {log_density, negative(by_mean), by_mean,
                    S::mul(S::mul(plain, S::fma(t, t, S::set(-1.0F))), positive.derivative)};
        }
        const float reach = 1.5F * (interval.upper - interval.lower);
        const V middle = S::set(0.5F * (interval.lower + interval.upper));
        const V lower = S::set(interval.lower);
        const V upper = S::set(interval.upper);
        const V bent = hyperbolic_tangent<S>(S::mul(S::sub(mean, middle), S::set(1 / reach)));
        const V centre = S::fma(S::set(reach), bent, middle);
        const V inverse = S::add(plain, S::set(0.125F / (interval.upper - interval.lower)));
        const auto scaled = [&](V length) { return S::mul(length, inverse); };
        const Cut here = cut_normal(scaled(S::sub(lower, centre)), scaled(S::sub(upper, centre)),
                                    scaled(S::sub(x, lower)), scaled(S::sub(upper, x)), scaled(S::sub(upper, lower)));
        const V log_density = S::add(S::add(at(raw, k, lane), here.log_density), logarithm<S>(inverse));
        const V share = S::div(plain, inverse);
        const V by_deviation = S::mul(S::mul(negative(here.by_spread), S::mul(share, plain)), positive.derivative);
        const V by_mean = S::mul(S::mul(here.by_place, inverse), S::fnma(bent, bent, one()));
        return {log_density, S::mul(S::sub(centre, x), S::mul(inverse, inverse)), by_mean, by_deviation};
    }
    template <class F>
    static V log_sum(std::size_t K, const F& term) {
        V largest = term(0);
        for (std::size_t k = 1; k < K; ++k) largest = S::max(largest, term(k));
        V total = S::zero();
        for (std::size_t k = 0; k < K; ++k) total = S::add(total, exponential<S>(S::sub(term(k), largest)));
        return S::add(largest, logarithm<S>(total));
    }

    template <bool cut>
    static void mixture_of(std::size_t K, Interval interval, Rows raw, const float* x, std::size_t lanes, float* out) {
        for (std::size_t lane = 0; lane < lanes; lane += width) {
            V density[max_local];
            density[0] = component<cut>(K, interval, raw, 0, lane, S::load(x + lane)).log_density;
            for (std::size_t k = 1; k < K; ++k)
                density[k] = component<cut>(K, interval, raw, k, lane, S::load(x + lane)).log_density;
            const V joint = log_sum(K, [&](std::size_t k) { return density[k]; });
            const V weights = log_sum(K, [&](std::size_t k) { return at(raw, k, lane); });
            S::store(out + lane, S::add(S::load(out + lane), S::sub(joint, weights)));
        }
    }
    static bool is_cut(Interval interval) { return interval.upper - interval.lower < 1e30F; }
    static void mixture(std::size_t K, Interval interval, Rows raw, const float* x, std::size_t lanes, float* out) {
        (is_cut(interval) ? mixture_of<true> : mixture_of<false>)(K, interval, raw, x, lanes, out);
    }

    template <bool cut>
    static void mixture_gradient_of(std::size_t K, Interval interval, Rows raw, const float* x, std::size_t lanes,
                                    const float* upstream, Rows raw_gradient, float* x_gradient) {
        for (std::size_t lane = 0; lane < lanes; lane += width) {
            const V up = S::load(upstream + lane);
            Component parts[max_local];
            parts[0] = component<cut>(K, interval, raw, 0, lane, S::load(x + lane));
            for (std::size_t k = 1; k < K; ++k) parts[k] = component<cut>(K, interval, raw, k, lane, S::load(x + lane));
            const V joint = log_sum(K, [&](std::size_t k) { return parts[k].log_density; });
            const V weights = log_sum(K, [&](std::size_t k) { return at(raw, k, lane); });
            V gx = S::zero();
            for (std::size_t k = 0; k < K; ++k) {
                const V share = S::mul(up, exponential<S>(S::sub(parts[k].log_density, joint)));
                const V prior = S::mul(up, exponential<S>(S::sub(at(raw, k, lane), weights)));
                put(raw_gradient, k, lane, S::sub(share, prior));
                put(raw_gradient, K + k, lane, S::mul(share, parts[k].by_mean));
                put(raw_gradient, 2 * K + k, lane, S::mul(share, parts[k].by_deviation));
                gx = S::fma(share, parts[k].by_x, gx);
            }
            S::store(x_gradient + lane, gx);
        }
    }
    static void mixture_gradient(std::size_t K, Interval interval, Rows raw, const float* x, std::size_t lanes,
                                 const float* upstream, Rows raw_gradient, float* x_gradient) {
        (is_cut(interval) ? mixture_gradient_of<true> : mixture_gradient_of<false>)(K, interval, raw, x, lanes,
                                                                                    upstream, raw_gradient, x_gradient);
    }
};

}  // namespace spikesmith::nets
