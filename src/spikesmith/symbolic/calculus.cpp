#include "spikesmith/symbolic/calculus.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <unordered_map>

namespace spikesmith {
namespace {

using Dependence = std::unordered_map<Expression, bool>;

bool depends(const Expression& e, const std::string& symbol, Dependence& known) {
    if (e.op() == Op::symbol) return e.name() == symbol;
    if (e.arguments().empty()) return false;
    if (const auto it = known.find(e); it != known.end()) return it->second;
    const auto a = e.arguments();
    const bool result = std::any_of(a.begin(), a.end(), [&](const Expression& x) { return depends(x, symbol, known); });
    known.emplace(e, result);
    return result;
}

Expression square(const Expression& x) {
    return x * x;
}

Expression product(const Expression& a, const Expression& b) {
    if (a.is_number(0) || b.is_number(0)) return 0.0;
    return a * b;
}

// d e / d (argument k), for operations that have partial derivatives; 0 where they are piecewise constant.
Expression partial(const Expression& e, std::size_t k) {
    const auto a = e.arguments();
    switch (e.op()) {
        case Op::add:
            return 1.0;
        case Op::subtract:
            return k == 0 ? 1.0 : -1.0;
        case Op::multiply:
            return a[1 - k];
        case Op::divide:
            return k == 0 ? 1.0 / a[1] : -(a[0] / square(a[1]));
        case Op::negate:
            return -1.0;
        case Op::power:
            return k == 0 ? a[1] * pow(a[0], a[1] - 1.0) : e * apply(Op::log, a[0]);
        case Op::modulo:
            return k == 0 ? Expression(1.0) : -apply(Op::floor, a[0] / a[1]);
        case Op::exp:
            return e;
        case Op::expm1:
            return apply(Op::exp, a[0]);
        case Op::exprel:  // (exp(x)*(x - 1) + 1)/x**2, near 0 by its series 1/2 + x/3 + x**2/8
            return apply(Op::select, apply(Op::less, apply(Op::abs, a[0]), 1e-4), 0.5 + a[0] * (1.0 / 3 + a[0] / 8.0),
                         (apply(Op::exp, a[0]) - e) / a[0]);
        case Op::x_over_expm1: {  // b = x/(exp(x)-1): b' = b*(1 - b*exp(x))/x = (b - b*(b + x))/x, near 0 by -1/2 + x/6
            return apply(Op::select, apply(Op::less, apply(Op::abs, a[0]), 1e-4), -0.5 + a[0] / 6.0,
                         e * (1.0 - e - a[0]) / a[0]);
        }
        case Op::log:
            return 1.0 / a[0];
        case Op::log10:
            return std::log10(std::exp(1.0)) / a[0];
        case Op::log1p:
            return 1.0 / (1.0 + a[0]);
        case Op::sqrt:
            return 0.5 / e;
        case Op::sin:
            return apply(Op::cos, a[0]);
        case Op::cos:
            return -apply(Op::sin, a[0]);
        case Op::tan:
            return 1.0 + square(e);
        case Op::sinh:
            return apply(Op::cosh, a[0]);
        case Op::cosh:
            return apply(Op::sinh, a[0]);
        case Op::tanh:
            return 1.0 - square(e);
        case Op::arcsin:
            return 1.0 / apply(Op::sqrt, 1.0 - square(a[0]));
        case Op::arccos:
            return -1.0 / apply(Op::sqrt, 1.0 - square(a[0]));
        case Op::arctan:
            return 1.0 / (1.0 + square(a[0]));
        case Op::arcsinh:
            return 1.0 / apply(Op::sqrt, 1.0 + square(a[0]));
        case Op::arccosh:
            return 1.0 / apply(Op::sqrt, square(a[0]) - 1.0);
        case Op::arctanh:
            return 1.0 / (1.0 - square(a[0]));
        case Op::arctan2:
            return (k == 0 ? a[1] : -a[0]) / (square(a[0]) + square(a[1]));
        case Op::abs:
            return apply(Op::sign, a[0]);
        case Op::minimum:
            return apply(Op::select, apply(Op::less, a[0], a[1]), k == 0 ? 1.0 : 0.0, k == 0 ? 0.0 : 1.0);
        case Op::maximum:
            return apply(Op::select, apply(Op::greater, a[0], a[1]), k == 0 ? 1.0 : 0.0, k == 0 ? 0.0 : 1.0);
        default:
            return 0.0;
    }
}

// --- factors and affine forms, for stabilise ---------------------------------------------------------------------------

struct Factors {
    std::vector<Expression> numerator, denominator;
};

void collect_factors(const Expression& e, bool inverse, Factors& out) {
    const auto a = e.arguments();
    if (e.op() == Op::multiply || e.op() == Op::divide) {
        collect_factors(a[0], inverse, out);
        collect_factors(a[1], inverse != (e.op() == Op::divide), out);
    } else if (e.op() == Op::negate) {
        out.numerator.emplace_back(-1.0);
        collect_factors(a[0], inverse, out);
    } else {
        (inverse ? out.denominator : out.numerator).push_back(e);
    }
}

Expression product_of(const Factors& factors) {
    Expression result = 1.0;
    for (const auto& f : factors.numerator) result = result * f;
    for (const auto& f : factors.denominator) result = result / f;
    return result;
}

using Affine = std::unordered_map<Expression, double>;  // atom -> coefficient; the key `1` holds the constant

void collect_affine(const Expression& e, double factor, Affine& out) {
    const auto a = e.arguments();
    const auto is_number = [](const Expression& x) { return x.op() == Op::number; };
    if (e.op() == Op::add || e.op() == Op::subtract) {
        collect_affine(a[0], factor, out);
        collect_affine(a[1], e.op() == Op::add ? factor : -factor, out);
    } else if (e.op() == Op::negate) {
        collect_affine(a[0], -factor, out);
    } else if (e.op() == Op::multiply && is_number(a[0])) {
        collect_affine(a[1], factor * a[0].number(), out);
    } else if ((e.op() == Op::multiply || e.op() == Op::divide) && is_number(a[1])) {
        collect_affine(a[0], e.op() == Op::multiply ? factor * a[1].number() : factor / a[1].number(), out);
    } else if (is_number(e)) {
        out[Expression(1.0)] += factor * e.number();
    } else {
        out[e] += factor;
    }
}

// c with a = c*b, if both are the same affine expression up to a number.
std::optional<double> ratio(const Expression& a, const Expression& b) {
    if (a.op() == Op::number || b.op() == Op::number) return std::nullopt;
    Affine left, right;
    collect_affine(a, 1, left);
    collect_affine(b, 1, right);
    std::optional<double> c;
    for (const auto& [atom, coefficient] : right) {
        if (coefficient == 0 || atom.op() == Op::number) continue;
        const auto it = left.find(atom);
        if (it == left.end()) return std::nullopt;
        if (!c) c = it->second / coefficient;
    }
    if (!c || !std::isfinite(*c) || *c == 0) return std::nullopt;
    double scale = 0;
    for (const auto& [atom, coefficient] : right) scale = std::max(scale, std::fabs(coefficient));
    for (const auto& [atom, coefficient] : left) {
        const auto it = right.find(atom);
        const double expected = it == right.end() ? 0 : *c * it->second;
        if (std::fabs(coefficient - expected) > 1e-12 * std::max(std::fabs(expected), 1e-3 * std::fabs(*c) * scale))
            return std::nullopt;
    }
    for (const auto& [atom, coefficient] : right) {
        if (coefficient != 0 && !left.contains(atom)) return std::nullopt;
    }
    return c;
}

// u/z as an expression, if u is proportional to z (z may carry symbolic factors: u = v - vh, z = (v - vh)/k gives k).
std::optional<Expression> quotient(const Expression& u, const Expression& z) {
    if (const auto c = ratio(u, z)) return Expression(*c);
    Factors factors;
    collect_factors(z, false, factors);
    for (std::size_t k = 0; k < factors.numerator.size(); ++k) {
        if (const auto c = ratio(u, factors.numerator[k])) {
            Factors rest = factors;
            rest.numerator.erase(rest.numerator.begin() + static_cast<std::ptrdiff_t>(k));
            return *c * product_of({.numerator = rest.denominator, .denominator = rest.numerator});
        }
    }
    return std::nullopt;
}

// u/expm1(z) -> (u/z)*x_over_expm1(z) and expm1(z)/u -> (z/u)*exprel(z) in a product.
std::optional<Expression> stable_quotient(const Expression& e) {
    Factors factors;
    collect_factors(e, false, factors);
    for (auto& z : factors.denominator) {
        if (z.op() != Op::expm1) continue;
        const Expression argument = z.arguments()[0];
        for (auto& u : factors.numerator) {
            if (const auto q = quotient(u, argument)) {
                u = *q * apply(Op::x_over_expm1, argument);
                z = 1.0;
                return product_of(factors);
            }
        }
    }
    for (auto& z : factors.numerator) {
        if (z.op() != Op::expm1) continue;
        const Expression argument = z.arguments()[0];
        for (auto& u : factors.denominator) {
            if (const auto q = quotient(u, argument)) {
                z = apply(Op::exprel, argument);
                u = *q;
                return product_of(factors);
            }
        }
    }
    return std::nullopt;
}

}  // namespace

Expression differentiate(const Expression& expression, const std::string& symbol) {
    Dependence known;
    std::unordered_map<Expression, Expression> done;
    const std::function<Expression(const Expression&)> visit = [&](const Expression& e) -> Expression {
        if (e.op() == Op::symbol) return e.name() == symbol ? 1.0 : 0.0;
        if (!depends(e, symbol, known)) return 0.0;
        if (const auto it = done.find(e); it != done.end()) return it->second;
        Expression sum = 0.0;
        const auto a = e.arguments();
        if (e.op() == Op::select) {  // the other branch may be infinite or undefined
            const Expression first = visit(a[1]), second = visit(a[2]);
            sum = first == second ? first : apply(Op::select, a[0], first, second);
            done.emplace(e, sum);
            return sum;
        }
        for (std::size_t k = 0; k < a.size(); ++k) {
            if (!depends(a[k], symbol, known)) continue;
            const Expression inner = visit(a[k]);
            if (inner.is_number(0)) continue;
            sum = sum + product(partial(e, k), inner);
        }
        done.emplace(e, sum);
        return sum;
    };
    return visit(expression);
}

std::optional<Polynomial> polynomial_in(const Expression& expression, const std::string& symbol, int max_degree) {
    Dependence known;
    std::unordered_map<Expression, Polynomial> done;
    bool too_high = false;
    const auto multiply = [&](const Polynomial& p, const Polynomial& q) {
        Polynomial out;
        for (const auto& [i, a] : p) {
            for (const auto& [j, b] : q) {
                if (i + j > max_degree) {
                    too_high = true;
                    return Polynomial{};
                }
                const auto [it, fresh] = out.emplace(i + j, a * b);
                if (!fresh) it->second = it->second + a * b;
            }
        }
        return out;
    };
    const std::function<Polynomial(const Expression&)> visit = [&](const Expression& e) -> Polynomial {
        if (too_high) return {};
        if (!depends(e, symbol, known)) return {{0, e}};
        if (e.op() == Op::symbol) return {{1, 1.0}};
        if (const auto it = done.find(e); it != done.end()) return it->second;
        const auto a = e.arguments();
        Polynomial out;
        switch (e.op()) {
            case Op::add:
            case Op::subtract: {
                out = visit(a[0]);
                for (const auto& [power, coefficient] : visit(a[1])) {
                    const Expression term = e.op() == Op::add ? coefficient : -coefficient;
                    const auto [it, fresh] = out.emplace(power, term);
                    if (!fresh) it->second = it->second + term;
                }
                break;
            }
            case Op::negate:
                for (const auto& [power, coefficient] : visit(a[0])) out.emplace(power, -coefficient);
                break;
            case Op::multiply:
                out = multiply(visit(a[0]), visit(a[1]));
                break;
            case Op::divide:
                for (const auto& [power, coefficient] : visit(a[0])) out.emplace(power, coefficient / a[1]);
                break;
            case Op::power: {
                const Polynomial base = visit(a[0]);
                const double n = a[1].op() == Op::number ? a[1].number() : -1;
                const bool polynomial = n >= 1 && n == std::floor(n) && !(base.size() == 1 && base.contains(0));
                if (polynomial && n > max_degree) {
                    too_high = true;
                } else if (polynomial) {
                    out = {{0, 1.0}};
                    for (int k = 0; k < static_cast<int>(n); ++k) out = multiply(out, base);
                } else {
                    out = {{0, e}};
                }
                break;
            }
            default:
                out = {{0, e}};
        }
        std::erase_if(out, [](const auto& term) { return term.second.is_number(0); });
        done.emplace(e, out);
        return out;
    };
    auto result = visit(expression);
    if (too_high) return std::nullopt;
    return result;
}

std::optional<AffineSystem> affine_in(std::span<const Expression> expressions, std::span<const std::string> symbols) {
    const auto free = [&](const Expression& e) {
        return std::none_of(symbols.begin(), symbols.end(), [&](const std::string& s) { return depends_on(e, s); });
    };
    AffineSystem system;
    for (const auto& expression : expressions) {
        Expression rest = expression;
        std::vector<Expression> row;
        for (const auto& symbol : symbols) {
            const auto polynomial = polynomial_in(rest, symbol, 1);
            if (!polynomial) return std::nullopt;
            const auto linear = polynomial->find(1);
            row.push_back(linear == polynomial->end() ? Expression(0.0) : linear->second);
            if (!free(row.back())) return std::nullopt;
            const auto constant = polynomial->find(0);
            rest = constant == polynomial->end() ? Expression(0.0) : constant->second;
        }
        if (!free(rest)) return std::nullopt;
        system.matrix.push_back(std::move(row));
        system.offset.push_back(rest);
    }
    return system;
}

Expression stabilise(const Expression& expression) {
    return rewrite(expression, [](const Expression& e) -> std::optional<Expression> {
        const auto a = e.arguments();
        switch (e.op()) {
            case Op::subtract:
                if (a[0].op() == Op::exp && a[1].is_number(1)) return apply(Op::expm1, a[0].arguments()[0]);
                if (a[1].op() == Op::exp && a[0].is_number(1)) return -apply(Op::expm1, a[1].arguments()[0]);
                return std::nullopt;
            case Op::add:
                for (std::size_t k = 0; k < 2; ++k) {
                    if (a[k].op() == Op::exp && a[1 - k].is_number(-1)) return apply(Op::expm1, a[k].arguments()[0]);
                    if (a[k].op() == Op::negate && a[k].arguments()[0].op() == Op::exp && a[1 - k].is_number(1)) {
                        return -apply(Op::expm1, a[k].arguments()[0].arguments()[0]);
                    }
                }
                return std::nullopt;
            case Op::log:
                if (a[0].op() == Op::add && a[0].arguments()[0].is_number(1))
                    return apply(Op::log1p, a[0].arguments()[1]);
                if (a[0].op() == Op::add && a[0].arguments()[1].is_number(1))
                    return apply(Op::log1p, a[0].arguments()[0]);
                return std::nullopt;
            case Op::multiply:
            case Op::divide:
                return stable_quotient(e);
            default:
                return std::nullopt;
        }
    });
}

}  // namespace spikesmith
