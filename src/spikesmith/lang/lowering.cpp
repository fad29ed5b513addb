#include "spikesmith/lang/lowering.hpp"

#include "spikesmith/lang/functions.hpp"

namespace spikesmith::lang {
namespace {

class Lowering {
  public:
    Lowering(const SymbolTable& symbols, std::uint32_t& next_site) : symbols_(symbols), next_site_(next_site) {}

    Expression expression(const Syntax& syntax) {
        switch (syntax.kind) {
            case Syntax::Kind::number:
            case Syntax::Kind::truth:
                return {syntax.number};
            case Syntax::Kind::name:
                return name(syntax.name);
            case Syntax::Kind::call:
                return call(syntax);
            case Syntax::Kind::unary: {
                Expression inner = expression(syntax.operands[0]);
                return syntax.op == Op::add ? inner : apply(syntax.op, inner);
            }
            case Syntax::Kind::binary: {
                const Expression left = expression(syntax.operands[0]);
                return apply(syntax.op, left, expression(syntax.operands[1]));
            }
            case Syntax::Kind::comparison:
                return comparison(syntax);
        }
        return {};
    }

  private:
    [[nodiscard]] Expression name(const std::string& name) const {
        if (const Symbol* symbol = symbols_.find(name)) {
            return symbol->kind == Symbol::Kind::constant ? Expression(symbol->value) : Expression::symbol(name);
        }
        if (const auto constant = find_constant(name)) return {*constant};
        if (const Unit* unit = find_unit(name)) return {unit->scale};
        return Expression::symbol(name);  // a special name or a noise source
    }

    Expression comparison(const Syntax& syntax) {
        // Operands in the middle of a chain are computed once.
        Expression left = expression(syntax.operands[0]);
        Expression all(1.0);
        for (std::size_t k = 0; k < syntax.comparisons.size(); ++k) {
            const Expression right = expression(syntax.operands[k + 1]);
            const Expression one = apply(syntax.comparisons[k], left, right);
            all = k == 0 ? one : apply(Op::logical_and, all, one);
            left = right;
        }
        return all;
    }

    Expression call(const Syntax& syntax) {
        const Function& function = *find_function(syntax.name);
        std::vector<Expression> arguments;
        arguments.reserve(syntax.operands.size());
        for (const auto& operand : syntax.operands) arguments.push_back(expression(operand));
        if (function.random) return Expression::random(function.op, next_site_++, arguments);
        if (function.name == "clip")
            return apply(Op::minimum, apply(Op::maximum, arguments[0], arguments[1]), arguments[2]);
        if (function.op == Op::minimum || function.op == Op::maximum) {
            Expression result = arguments[0];
            for (std::size_t k = 1; k < arguments.size(); ++k) result = apply(function.op, result, arguments[k]);
            return result;
        }
        if (function.op == Op::truncate && is_boolean(arguments[0].op())) return arguments[0];  // is 0 or 1 already
        return Expression::apply(function.op, arguments);
    }

    const SymbolTable& symbols_;
    std::uint32_t& next_site_;
};

}  // namespace

Expression lower(const Syntax& syntax, const SymbolTable& symbols, std::uint32_t& next_site) {
    return Lowering(symbols, next_site).expression(syntax);
}

}  // namespace spikesmith::lang
