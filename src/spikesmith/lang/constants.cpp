#include "spikesmith/lang/constants.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include <fmt/format.h>

#include "spikesmith/lang/dependencies.hpp"
#include "spikesmith/lang/expression_parser.hpp"
#include "spikesmith/lang/functions.hpp"
#include "spikesmith/lang/lowering.hpp"
#include "spikesmith/lang/unit_check.hpp"

namespace spikesmith::lang {
namespace {

[[noreturn]] void fail_name(const std::string& name, std::string message, std::string hint) {
    throw ModelError(
        Diagnostic{.message = std::move(message), .source = fmt::format("constant {}", name), .hint = std::move(hint)});
}

bool is_name(const std::string& name) {
    const auto word = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    };
    return !name.empty() && !(name[0] >= '0' && name[0] <= '9') && std::all_of(name.begin(), name.end(), word);
}

// The value of a constant. An infinity that nobody wrote as `inf` is a slip such as 1/0.
double checked_value(const Expression& value, const Syntax& syntax, const SourceText& source, const std::string& name) {
    const double number = evaluate(value, [](const std::string&) { return std::nan(""); });
    const auto names = names_in(syntax);
    const bool infinite_by_name = std::find(names.begin(), names.end(), "inf") != names.end();
    if (std::isnan(number) || (std::isinf(number) && !infinite_by_name)) {
        throw ModelError(diagnose(source, syntax.span, fmt::format("the constant `{}` has no finite value", name),
                                  std::isnan(number) ? "it is not a number" : "it is infinite"));
    }
    return number;
}

}  // namespace

void define_constants(const std::vector<std::pair<std::string, std::string>>& constants, SymbolTable& symbols) {
    std::unordered_map<std::string, std::size_t> index;
    std::vector<SourceText> sources;
    std::vector<Syntax> expressions;
    expressions.reserve(constants.size());
    for (const auto& [name, text] : constants) {
        if (!is_name(name))
            fail_name(name, fmt::format("`{}` is not a name", name), "names have letters, digits and underscores");
        if (const auto reason = reserved(name))
            fail_name(name, fmt::format("{} and cannot be a constant", *reason), "choose another name");
        if (const Symbol* other = symbols.find(name)) {
            fail_name(name,
                      fmt::format("`{}` is a constant, but also {} in {}", name, describe(other->kind), other->place),
                      "remove one of the two, or give it another name");
        }
        if (!index.try_emplace(name, index.size()).second)
            fail_name(name, fmt::format("the constant `{}` is given twice", name), "remove one of the two");
        sources.push_back({fmt::format("constant {}", name), text});
    }
    for (std::size_t k = 0; k < constants.size(); ++k) {
        expressions.push_back(parse_whole_expression(sources[k], fmt::format("the constant `{}`", constants[k].first),
                                                     {.quantities = true}));
    }

    std::vector<std::vector<std::size_t>> needs(constants.size());
    for (std::size_t k = 0; k < constants.size(); ++k) {
        for (const auto& name : names_in(expressions[k])) {
            if (const auto found = index.find(name); found != index.end()) needs[k].push_back(found->second);
        }
    }
    const DependencyOrder dependencies = order_by_dependency(needs);
    if (!dependencies.cycle.empty()) {
        std::vector<std::string> names;
        names.reserve(dependencies.cycle.size());
        for (const std::size_t k : dependencies.cycle) names.push_back(constants[k].first);
        const std::size_t first = dependencies.cycle.front();
        throw ModelError(diagnose(sources[first], expressions[first].span,
                                  fmt::format("constants need each other: {}", describe_cycle(names)),
                                  "give one of them a value"));
    }
    for (const std::size_t k : dependencies.order) {
        const std::string& name = constants[k].first;
        const Place place{
            .source = &sources[k], .where = fmt::format("the constant `{}`", name), .kind = Place::Kind::constant};
        const Checked checked = check(expressions[k], symbols, place);
        std::uint32_t no_sites = 0;
        const double value = checked_value(lower(expressions[k], symbols, no_sites), expressions[k], sources[k], name);
        symbols.add({.kind = Symbol::Kind::constant,
                     .name = name,
                     .dimension = checked.dimension,
                     .type = checked.type,
                     .value = value,
                     .any_dimension = checked.any_dimension,
                     .shared = true,
                     .place = "the constants"});
    }
}

}  // namespace spikesmith::lang
