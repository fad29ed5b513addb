#include "spikesmith/symbolic/linear_parts.hpp"

#include <algorithm>
#include <array>

#include "spikesmith/symbolic/calculus.hpp"

namespace spikesmith {
namespace {

// Parts of both branches, chosen by the condition.
std::optional<LinearParts> chosen(const Expression& condition, const std::optional<LinearParts>& yes,
                                  const std::optional<LinearParts>& no) {
    if (!yes || !no) return std::nullopt;
    const auto choose = [&](const Expression& a, const Expression& b) {
        return a == b ? a : apply(Op::select, condition, a, b);
    };
    LinearParts parts{.coefficients = {}, .rest = choose(yes->rest, no->rest)};
    for (std::size_t k = 0; k < yes->coefficients.size(); ++k)
        parts.coefficients.push_back(choose(yes->coefficients[k], no->coefficients[k]));
    return parts;
}

}  // namespace

std::optional<LinearParts> linear_parts(const Expression& expression, std::span<const std::string> symbols) {
    if (expression.op() == Op::select) {
        const auto a = expression.arguments();
        const bool decided = std::none_of(symbols.begin(), symbols.end(),
                                          [&](const std::string& symbol) { return depends_on(a[0], symbol); });
        return decided ? chosen(a[0], linear_parts(a[1], symbols), linear_parts(a[2], symbols)) : std::nullopt;
    }
    auto system = affine_in(std::array{expression}, symbols);
    if (!system) return std::nullopt;
    return LinearParts{.coefficients = std::move(system->matrix[0]), .rest = system->offset[0]};
}

std::optional<LinearParts> relaxation_parts(const Expression& expression, const std::string& symbol) {
    if (expression.op() == Op::select) {
        const auto a = expression.arguments();
        return chosen(a[0], relaxation_parts(a[1], symbol), relaxation_parts(a[2], symbol));
    }
    const auto polynomial = polynomial_in(expression, symbol);
    if (!polynomial || (!polynomial->empty() && polynomial->rbegin()->first > 1)) return std::nullopt;
    const auto coefficient = [&](int power) {
        const auto it = polynomial->find(power);
        return it == polynomial->end() ? Expression(0.0) : it->second;
    };
    if (!polynomial->contains(1) && depends_on(coefficient(0), symbol)) return std::nullopt;
    return LinearParts{.coefficients = {coefficient(1)}, .rest = coefficient(0)};
}

}  // namespace spikesmith
