// Elementary functions on vectors of floats, written once over an instruction set S (internal).
//
// Errors are about one unit in the last place of 1 (tests/nets measures them). NaN passes through; what overflows is
// clamped to the largest exponent, so that 0 < exp(x) < infinity always. Branch-free. Included by files compiled for
// several instruction sets: everything is a template over S, so no two of them share code.
#pragma once

namespace spikesmith::nets {

// e^r - 1 for |r| <= log(2) / 2, and n with x = n log 2 + r.
template <class S>
struct ReducedExponential {
    typename S::V less_one;
    typename S::V power;  // 2^n
};

template <class S>
inline ReducedExponential<S> reduce_exponential(typename S::V x) {
    using V = typename S::V;
    x = S::max(S::set(-87.0F), S::min(S::set(88.0F), x));
    const V n = S::round(S::mul(x, S::set(1.44269504F)));
    V r = S::fma(n, S::set(-0.693145752F), x);
    r = S::fma(n, S::set(-1.42860677e-6F), r);
    V p = S::set(1.0F / 5040.0F);
    p = S::fma(p, r, S::set(1.0F / 720.0F));
    p = S::fma(p, r, S::set(1.0F / 120.0F));
    p = S::fma(p, r, S::set(1.0F / 24.0F));
    p = S::fma(p, r, S::set(1.0F / 6.0F));
    p = S::fma(p, r, S::set(0.5F));
    p = S::fma(p, S::mul(r, r), r);
    return {p, S::power_of_two(n)};
}

template <class S>
inline typename S::V exponential(typename S::V x) {
    const auto e = reduce_exponential<S>(x);
    return S::fma(e.power, e.less_one, e.power);
}

// 1 / d for 1 <= d <= 2, without a division: a parabola (error 1 %) and two Newton steps.
template <class S>
inline typename S::V reciprocal(typename S::V d) {
    using V = typename S::V;
    V r = S::fma(S::fma(S::set(0.3232323F), d, S::set(-1.4545455F)), d, S::set(2.1212121F));
    r = S::fma(r, S::fnma(d, r, S::set(1.0F)), r);
    return S::fma(r, S::fnma(d, r, S::set(1.0F)), r);
}

// (1 - e) / (1 + e) with e = exp(-2 |x|) = 2^n 2^f. The error of f grows with |x|, but there e is nearly nothing.
template <class S>
inline typename S::V hyperbolic_tangent(typename S::V x) {
    using V = typename S::V;
    const V y = S::mul(S::set(-2.88539008F), S::min(S::set(12.0F), S::absolute(x)));
    V power;
    const V f = S::sub(y, S::round_with_power(y, power));
    // 2^f - 1: Taylor series with its seventh power spread over the lower odd ones (Chebyshev).
    V p = S::set(0.000154035304F);
    p = S::fma(p, f, S::set(0.00134002889F));
    p = S::fma(p, f, S::set(0.00961812911F));
    p = S::fma(p, f, S::set(0.0555032745F));
    p = S::fma(p, f, S::set(0.240226507F));
    p = S::fma(p, f, S::set(0.693147207F));
    const V less_one = S::mul(p, f);
    const V t = S::fnma(power, less_one, S::sub(S::set(1.0F), power));  // 1 - e
    return S::copy_sign(S::mul(t, reciprocal<S>(S::sub(S::set(2.0F), t))), x);
}

// log of a positive normal number.
template <class S>
inline typename S::V logarithm(typename S::V x) {
    using V = typename S::V;
    V n;
    const V m = S::split_exponent(x, n);  // x = m 2^n, m in [sqrt(1/2), sqrt(2))
    const V f = S::sub(m, S::set(1.0F));
    const V s = S::div(f, S::add(f, S::set(2.0F)));
    const V z = S::mul(s, s);
    V p = S::set(1.0F / 9.0F);
    p = S::fma(p, z, S::set(1.0F / 7.0F));
    p = S::fma(p, z, S::set(1.0F / 5.0F));
    p = S::fma(p, z, S::set(1.0F / 3.0F));
    const V twice = S::add(s, s);
    V y = S::fma(S::mul(p, z), twice, S::mul(n, S::set(-2.12194440e-4F)));
    y = S::add(y, twice);
    return S::fma(n, S::set(0.693359375F), y);
}

// log(1 + t) for t in [0, 1].
template <class S>
inline typename S::V logarithm_of_one_plus(typename S::V t) {
    using V = typename S::V;
    const V s = S::div(t, S::add(t, S::set(2.0F)));
    const V z = S::mul(s, s);
    V p = S::set(1.0F / 15.0F);
    p = S::fma(p, z, S::set(1.0F / 13.0F));
    p = S::fma(p, z, S::set(1.0F / 11.0F));
    p = S::fma(p, z, S::set(1.0F / 9.0F));
    p = S::fma(p, z, S::set(1.0F / 7.0F));
    p = S::fma(p, z, S::set(1.0F / 5.0F));
    p = S::fma(p, z, S::set(1.0F / 3.0F));
    const V twice = S::add(s, s);
    return S::fma(S::mul(p, z), twice, twice);
}

template <class S>
struct Softplus {
    typename S::V value;
    typename S::V derivative;  // the logistic function
};

template <class S>
inline Softplus<S> softplus(typename S::V u) {
    using V = typename S::V;
    const V e = exponential<S>(S::sub(S::zero(), S::absolute(u)));
    const V value = S::add(S::max(S::zero(), u), logarithm_of_one_plus<S>(e));
    const V share = S::select(S::less(u, S::zero()), e, S::set(1.0F));
    return {value, S::mul(share, reciprocal<S>(S::add(e, S::set(1.0F))))};
}

template <class S>
inline typename S::V logistic(typename S::V u) {
    using V = typename S::V;
    const V e = exponential<S>(S::sub(S::zero(), S::absolute(u)));
    return S::mul(S::select(S::less(u, S::zero()), e, S::set(1.0F)), reciprocal<S>(S::add(e, S::set(1.0F))));
}

// Mills' ratio (1 - Phi(x)) / phi(x) of the normal distribution, x >= 0: a polynomial in t = 1 / (1 + 0.4 x), by Chebyshev's
// nodes, times t.
template <class S>
inline typename S::V mills_ratio(typename S::V x) {
    using V = typename S::V;
    const V t = S::div(S::set(1.0F), S::fma(S::set(0.4F), x, S::set(1.0F)));
    V p = S::set(0.0404261649F);
    p = S::fma(p, t, S::set(-0.134012431F));
    p = S::fma(p, t, S::set(0.0480674431F));
    p = S::fma(p, t, S::set(0.325125188F));
    p = S::fma(p, t, S::set(-0.432381332F));
    p = S::fma(p, t, S::set(0.0413561501F));
    p = S::fma(p, t, S::set(0.0172183793F));
    p = S::fma(p, t, S::set(0.211743623F));
    p = S::fma(p, t, S::set(0.335765481F));
    p = S::fma(p, t, S::set(0.400005579F));
    p = S::fma(p, t, S::set(0.399999976F));
    return S::mul(p, t);
}

// Cosine and sine of 2 pi t for |t| <= 1/2.
template <class S>
struct Turn {
    typename S::V cosine, sine;
};
template <class S>
inline Turn<S> turn(typename S::V t) {
    using V = typename S::V;
    const V quarter = S::round(S::mul(t, S::set(4.0F)));  // -2 ... 2
    const V a = S::mul(S::fma(quarter, S::set(-0.25F), t), S::set(6.2831853F));
    const V z = S::mul(a, a);
    V s = S::set(-1.0F / 5040.0F);
    s = S::fma(s, z, S::set(1.0F / 120.0F));
    s = S::fma(s, z, S::set(-1.0F / 6.0F));
    s = S::fma(S::mul(s, z), a, a);
    V c = S::set(1.0F / 40320.0F);
    c = S::fma(c, z, S::set(-1.0F / 720.0F));
    c = S::fma(c, z, S::set(1.0F / 24.0F));
    c = S::fma(c, z, S::set(-0.5F));
    c = S::fma(c, z, S::set(1.0F));
    const auto half_turn = S::less(S::set(1.5F), S::absolute(quarter));
    const auto upright = S::less(S::absolute(quarter), S::set(0.5F));
    const V minus_s = S::sub(S::zero(), s);
    const V minus_c = S::sub(S::zero(), c);
    const auto backwards = S::less(quarter, S::zero());
    const V side_cosine = S::select(backwards, s, minus_s);
    const V side_sine = S::select(backwards, minus_c, c);
    return {S::select(upright, c, S::select(half_turn, minus_c, side_cosine)),
            S::select(upright, s, S::select(half_turn, minus_s, side_sine))};
}

}  // namespace spikesmith::nets
