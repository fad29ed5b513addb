// The kernel proper, for a vector type V with set, load, store, fma, times_power_of_two and `width`. Included once for each
// instruction set by hand_written_hh.hpp.

inline V exponential(V x) {
    using E = Exponential;
    const V shifted = fma(x, set(E::log2_e), set(E::rounding));
    const V n = shifted - set(E::rounding);
    const V r = fma(n, set(-E::ln2_low), fma(n, set(-E::ln2_high), x));
    V p = set(E::coefficients[12]);
    for (std::size_t k = 12; k-- > 0;) p = fma(p, r, set(E::coefficients[k]));
    return times_power_of_two(p, shifted);
}

// x / (exp(x) - 1)
inline V rate(V x) {
    return x / (exponential(x) - set(1));
}

// The solution after dt of dx/dt = (limit - x) * speed, given alpha = limit * speed and minus_speed = -dt * speed.
inline V relax(V x, V alpha, V speed) {
    const V limit = alpha / speed;
    return fma(x - limit, exponential(speed * set(-HodgkinHuxley::dt)), limit);
}

struct Neurons {
    V v, m, n, h;
};

inline Neurons step(Neurons s, V g_na, V g_kd, V gl, V current) {
    using M = HodgkinHuxley;
    const V u = set(M::v_t) - s.v;
    const V alpha_m = set(0.32e3 * 4) * rate((u + set(13e-3)) * set(1 / 4e-3));
    const V beta_m = set(0.28e3 * 5) * rate((u + set(40e-3)) * set(-1 / 5e-3));
    const V alpha_n = set(0.032e3 * 5) * rate((u + set(15e-3)) * set(1 / 5e-3));
    const V beta_n = set(0.5e3) * exponential((u + set(10e-3)) * set(1 / 40e-3));
    const V alpha_h = set(0.128e3) * exponential((u + set(17e-3)) * set(1 / 18e-3));
    const V beta_h = set(4e3) / (set(1) + exponential((u + set(40e-3)) * set(1 / 5e-3)));
    const V na = g_na * (s.m * s.m * s.m) * s.h;
    const V n2 = s.n * s.n;
    const V k = g_kd * (n2 * n2);
    const V total = na + k + gl;
    const V drive = fma(na, set(M::e_na), fma(k, set(M::e_k), fma(gl, set(M::e_leak), current)));
    const V rest = drive / total;
    return {fma(s.v - rest, exponential(total * set(-M::dt / M::capacitance)), rest),
            relax(s.m, alpha_m, alpha_m + beta_m), relax(s.n, alpha_n, alpha_n + beta_n),
            relax(s.h, alpha_h, alpha_h + beta_h)};
}

inline Neurons load_neurons(const double* states, std::size_t lanes) {
    return {load(states), load(states + lanes), load(states + 2 * lanes), load(states + 3 * lanes)};
}

inline void store_neurons(Neurons s, double* states, std::size_t lanes) {
    store(states, s.v);
    store(states + lanes, s.m);
    store(states + 2 * lanes, s.n);
    store(states + 3 * lanes, s.h);
}

inline void run(const HandWrittenCall& call) {
    for (std::size_t lane = 0; lane < call.lanes; lane += 2 * width) {
        double* states = call.states + lane;
        const double* p = call.parameters + lane;
        Neurons a = load_neurons(states, call.lanes);
        Neurons b = load_neurons(states + width, call.lanes);
        const V g_na_a = load(p), g_kd_a = load(p + call.lanes), gl_a = load(p + 2 * call.lanes);
        const V g_na_b = load(p + width), g_kd_b = load(p + call.lanes + width),
                gl_b = load(p + 2 * call.lanes + width);
        for (std::size_t k = 0; k < call.steps; ++k) {
            const V current = set(call.current[k]);
            a = step(a, g_na_a, g_kd_a, gl_a, current);
            b = step(b, g_na_b, g_kd_b, gl_b, current);
        }
        store_neurons(a, states, call.lanes);
        store_neurons(b, states + width, call.lanes);
    }
}
