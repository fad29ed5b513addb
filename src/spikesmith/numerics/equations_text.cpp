// Models as text again. A Model's numbers have lost their units; each gets the unit that makes its expression consistent.
#include <functional>
#include <optional>

#include <fmt/format.h>

#include "spikesmith/numerics/sensitivity_equations.hpp"

namespace spikesmith {
namespace {

constexpr double whole = 1;

class UnitsRestored {
  public:
    explicit UnitsRestored(const Model& model) : model_(model) {}

    // The expression with units at its numbers, so that it has this dimension.
    [[nodiscard]] Expression of(const Expression& e, const Dimension& wanted) const {
        const auto a = e.arguments();
        const auto all = [&](const Dimension& dimension) {
            std::vector<Expression> arguments;
            for (const auto& x : a) arguments.push_back(of(x, dimension));
            return rebuilt(e, arguments);
        };
        switch (e.op()) {
            case Op::number:
                return wanted.dimensionless() ? e : e * Expression::symbol(wanted.name());
            case Op::symbol:
                return e;
            case Op::add:
            case Op::subtract:
            case Op::negate:
            case Op::abs:
            case Op::minimum:
            case Op::maximum:
            case Op::modulo:
                return all(wanted);
            case Op::multiply: {
                if (const auto first = known(a[0])) return rebuilt(e, {of(a[0], *first), of(a[1], wanted / *first)});
                const Dimension second = known(a[1]).value_or(dimensions::none);
                return rebuilt(e, {of(a[0], wanted / second), of(a[1], second)});
            }
            case Op::divide: {
                if (const auto first = known(a[0])) return rebuilt(e, {of(a[0], *first), of(a[1], *first / wanted)});
                const Dimension second = known(a[1]).value_or(dimensions::none);
                return rebuilt(e, {of(a[0], wanted * second), of(a[1], second)});
            }
            case Op::power:
                if (a[1].op() != Op::number || a[1].is_number(0)) return all(dimensions::none);
                return rebuilt(e, {of(a[0], known(a[0]).value_or(wanted.power(whole / a[1].number()))), a[1]});
            case Op::sqrt:
                return all(wanted.power(2));
            case Op::select:
                return rebuilt(e, {of(a[0], dimensions::none), of(a[1], wanted), of(a[2], wanted)});
            case Op::less:
            case Op::less_equal:
            case Op::greater:
            case Op::greater_equal:
            case Op::equal:
            case Op::not_equal:
            case Op::arctan2:
            case Op::sign:
            case Op::floor_divide:
                return all(common(a));
            case Op::timestep:
                return all(dimensions::second);
            default:
                return all(dimensions::none);
        }
    }

  private:
    // Conditions that are used as numbers are written so.
    static Expression rebuilt(const Expression& e, std::vector<Expression> arguments) {
        const bool logic = e.op() == Op::logical_and || e.op() == Op::logical_or || e.op() == Op::logical_not;
        for (std::size_t k = 0; k < arguments.size(); ++k) {
            const bool condition = logic || e.op() == Op::truncate || (e.op() == Op::select && k == 0);
            if (is_boolean(arguments[k].op()) && !condition) arguments[k] = apply(Op::truncate, arguments[k]);
        }
        const bool random = e.op() == Op::uniform || e.op() == Op::normal || e.op() == Op::poisson;
        return random ? Expression::random(e.op(), e.site(), arguments) : Expression::apply(e.op(), arguments);
    }

    [[nodiscard]] Dimension common(std::span<const Expression> expressions) const {
        for (const auto& e : expressions) {
            if (const auto dimension = known(e)) return *dimension;
        }
        return dimensions::none;
    }

    // The dimension, if no number leaves it open.
    [[nodiscard]] std::optional<Dimension> known(const Expression& e) const {
        const auto a = e.arguments();
        switch (e.op()) {
            case Op::number:
                return std::nullopt;
            case Op::symbol:
                return of_symbol(e.name());
            case Op::add:
            case Op::subtract:
            case Op::minimum:
            case Op::maximum:
            case Op::modulo: {
                const auto first = known(a[0]);
                return first ? first : known(a[1]);
            }
            case Op::negate:
            case Op::abs:
                return known(a[0]);
            case Op::multiply:
            case Op::divide: {
                const auto first = known(a[0]), second = known(a[1]);
                if (!first || !second) return std::nullopt;
                return e.op() == Op::multiply ? *first * *second : *first / *second;
            }
            case Op::power: {
                const auto base = known(a[0]);
                if (a[1].op() != Op::number) return dimensions::none;
                return base ? std::optional(base->power(a[1].number())) : std::nullopt;
            }
            case Op::sqrt: {
                const auto square = known(a[0]);
                return square ? std::optional(square->power(0.5)) : std::nullopt;
            }
            case Op::select: {
                const auto first = known(a[1]);
                return first ? first : known(a[2]);
            }
            default:
                return dimensions::none;
        }
    }

    [[nodiscard]] Dimension of_symbol(const std::string& name) const {
        if (const auto variable = model_.find(name)) return variable->dimension;
        if (name == "t" || name == "dt" || name == "lastspike") return dimensions::second;
        if (name == "xi" || name.starts_with("xi_")) return dimensions::second.power(-0.5);
        return dimensions::none;
    }

    const Model& model_;
};

std::string type_name(ValueType type, const Dimension& dimension) {
    return type == ValueType::integer ? "integer" : type == ValueType::boolean ? "boolean" : dimension.name();
}

std::string flags(std::initializer_list<std::pair<bool, const char*>> given) {
    std::string out;
    for (const auto& [set, name] : given) {
        if (set) out += (out.empty() ? "" : ", ") + std::string(name);
    }
    return out.empty() ? out : " (" + out + ")";
}

}  // namespace

std::string equations_text(const Model& model) {
    const UnitsRestored units(model);
    std::string out;
    for (const auto& s : model.subexpressions) {
        out += fmt::format("{} = {} : {}{}\n", s.name, to_string(units.of(s.value, s.dimension)),
                           type_name(s.type, s.dimension),
                           flags({{s.constant_over_dt, "constant over dt"}, {s.shared, "shared"}}));
    }
    for (const auto& s : model.states) {
        out += fmt::format("d{}/dt = {} : {}{}\n", s.name,
                           to_string(units.of(s.derivative, s.dimension / dimensions::second)), s.dimension.name(),
                           flags({{s.unless_refractory, "unless refractory"}}));
    }
    for (const auto& p : model.parameters) {
        out += fmt::format("{} : {}{}\n", p.name, type_name(p.type, p.dimension),
                           flags({{p.constant, "constant"}, {p.shared, "shared"}}));
    }
    for (const auto& i : model.inputs) out += fmt::format("{} : {}\n", i.name, i.dimension.name());
    return out;
}

}  // namespace spikesmith
