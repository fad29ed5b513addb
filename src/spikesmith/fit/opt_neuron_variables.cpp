#include "spikesmith/fit/opt_neuron_variables.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <unordered_map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/names.hpp"
#include "spikesmith/lang/annarchy_expression.hpp"
#include "spikesmith/lang/annarchy_functions.hpp"
#include "spikesmith/lang/expression_parser.hpp"
#include "spikesmith/lang/token.hpp"

namespace spikesmith {

namespace {

std::pair<double, double> sorted(const std::pair<double, double>& bounds) {
    return {std::min(bounds.first, bounds.second), std::max(bounds.first, bounds.second)};
}

void check_entry(const OptVariable& entry) {
    if (entry.name.empty()) throw ConfigError("an entry of the variables has no name");
    const int said = (entry.bounds ? 1 : 0) + (entry.value ? 1 : 0) + (entry.expression.empty() ? 0 : 1);
    if (said != 1) {
        throw ConfigError(
            fmt::format("`{}` has {} bounds, a value or an expression", entry.name, said == 0 ? "none of" : "two of"),
            "give exactly one: bounds to fit it, a value to fix it, an expression to let it follow from others");
    }
    if (entry.value && !std::isfinite(*entry.value))
        throw ConfigError(fmt::format("the value of `{}` is not finite", entry.name));
    if (entry.guess && !entry.bounds)
        throw ConfigError(fmt::format("`{}` has a guess but no bounds", entry.name), "only what is fitted is guessed");
    if (!entry.bounds) return;
    const auto [low, high] = sorted(*entry.bounds);
    if (!std::isfinite(low) || !std::isfinite(high))
        throw ConfigError(fmt::format("the bounds of `{}` are not finite", entry.name));
    if (low == high) {
        throw ConfigError(fmt::format("both bounds of `{}` are {:g}", entry.name, low),
                          "for a constant give a single value");
    }
    if (!entry.guess) return;
    const auto [guess_low, guess_high] = sorted(*entry.guess);
    if (!(guess_low >= low && guess_high <= high && guess_low < guess_high)) {
        throw ConfigError(fmt::format("the guess of `{}`, from {:g} to {:g}, is not within the bounds {:g} and {:g}",
                                      entry.name, guess_low, guess_high, low, high));
    }
}

// Bounds in order; widened on the scale on which they are searched.
ParameterRange range_of(const OptVariable& entry, bool widened) {
    auto [low, high] = sorted(*entry.bounds);
    if (widened && entry.scale == Scale::linear) {
        const double distance = high - low;
        low -= distance;
        high += distance;
    } else if (widened && low > 0) {
        const double factor = high / low;
        low /= factor;
        high *= factor;
    }
    return {entry.name, low, high, entry.scale, entry.integer};
}

ParameterSpace space_of(const std::vector<OptVariable>& given, bool widened) {
    std::vector<ParameterRange> ranges;
    for (auto entry = given.begin(); entry != given.end(); ++entry) {
        check_entry(*entry);
        const bool doubled =
            std::find_if(given.begin(), entry, [&](const OptVariable& e) { return e.name == entry->name; }) != entry;
        if (doubled) throw ConfigError(fmt::format("`{}` is given twice", entry->name));
        if (entry->bounds) ranges.push_back(range_of(*entry, widened));
    }
    if (ranges.empty())
        throw ConfigError("no variable has bounds, so there is nothing to fit", "give a lower and an upper bound");
    return ParameterSpace(std::move(ranges));
}

// The same text with blanks outside [begin, end), so that places in errors stay right.
SourceText part(const SourceText& source, std::size_t begin, std::size_t end) {
    SourceText result = source;
    for (std::size_t k = 0; k < result.text.size(); ++k) {
        if ((k < begin || k >= end) && result.text[k] != '\n') result.text[k] = ' ';
    }
    return result;
}

bool part_of_name(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// `np.exp(x)` -> `   exp(x)`
void blank_prefixes(std::string& text) {
    for (const std::string_view prefix : {"np.", "numpy.", "math."}) {
        for (std::size_t at = text.find(prefix); at != std::string::npos; at = text.find(prefix, at + 1)) {
            const bool begins_name = at == 0 || (!part_of_name(text[at - 1]) && text[at - 1] != '.');
            if (begins_name) text.replace(at, prefix.size(), prefix.size(), ' ');
        }
    }
}

constexpr std::size_t most_conditionals = 50;  // of Python's kind, inside each other

class ExpressionReader {
  public:
    explicit ExpressionReader(const std::vector<OptVariable>& given) {
        for (const OptVariable& entry : given) names_.add(entry.name, Expression::symbol(entry.name));
        names_.unknown_hint = "give it an entry of its own: bounds, a value or an expression";
        if (!names_.values.contains("pi")) {
            names_.values.emplace("pi", Expression(3.14159265358979323846));
            names_.logical.emplace("pi", false);
        }
    }

    [[nodiscard]] Expression read(const OptVariable& entry) {
        SourceText source{fmt::format("expression of {}", entry.name), entry.expression};
        blank_prefixes(source.text);
        const std::string where = fmt::format("the expression of `{}`", entry.name);
        Expression result = read(source, where, 0);
        if (has_random(result))
            throw ConfigError(fmt::format("`{}` follows from random numbers", entry.name),
                              "draw them in the model or in the experiment");
        return result;
    }

  private:
    // Python's conditional, then what the language has.
    Expression read(const SourceText& source, const std::string& where, std::size_t level) {
        const std::vector<lang::Token> tokens = lang::tokenize(source, true);
        const auto word = [&](std::size_t k, std::string_view text) {
            return tokens[k].kind == lang::Token::Kind::name && tokens[k].text == text;
        };
        int depth = 0;
        std::optional<std::size_t> condition;
        for (std::size_t k = 0; k < tokens.size(); ++k) {
            if (tokens[k].kind == lang::Token::Kind::symbol) {
                if (tokens[k].text == "(") ++depth;
                if (tokens[k].text == ")") --depth;
            }
            if (depth != 0 || k == 0) continue;
            if (word(0, "if")) break;  // the language's own
            if (!condition && word(k, "if")) condition = k;
            const bool otherwise = condition && word(k, "else") && k + 1 < tokens.size();
            if (!otherwise) continue;
            if (level == most_conditionals) {
                throw ModelError(diagnose(source, tokens[k].span,
                                          fmt::format("more than {} conditionals inside each other", most_conditionals),
                                          "divide it into several entries"));
            }
            const auto from = [&](std::size_t token) { return tokens[token].span.offset; };
            const Expression yes = read(part(source, 0, from(*condition)), where, level + 1);
            const Expression test = read(part(source, from(*condition) + 2, from(k)), where, level + 1);
            const Expression no = read(part(source, from(k) + 4, source.text.size()), where, level + 1);
            return apply(Op::select, test, yes, no);
        }
        const lang::Syntax syntax = lang::parse_whole_expression(source, where, {.annarchy = true});
        lang::AnnarchyLowering lowering(names_, next_site_);
        return lowering.lower(syntax, source, where).value;
    }

    lang::AnnarchyNames names_;
    std::uint32_t next_site_ = 0;
};

}  // namespace

OptVariables::OptVariables(std::vector<OptVariable> given, bool widened)
    : given_(std::move(given)), expressions_(given_.size()), space_(space_of(given_, widened)) {
    fitted_ = names_of(space_.ranges());
    ExpressionReader reader(given_);
    for (std::size_t j = 0; j < given_.size(); ++j) {
        if (!given_[j].expression.empty()) expressions_[j] = reader.read(given_[j]);
    }
    const auto index_of = [&](const std::string& name) {
        return static_cast<std::size_t>(std::ranges::find(given_, name, &OptVariable::name) - given_.begin());
    };
    enum class State : std::uint8_t { untouched, open, done };
    std::vector<State> states(given_.size(), State::untouched);
    std::vector<std::string> path;
    const std::function<void(std::size_t)> visit = [&](std::size_t j) {
        if (given_[j].expression.empty() || states[j] == State::done) return;
        path.push_back(given_[j].name);
        if (states[j] == State::open) {
            path.erase(path.begin(), std::ranges::find(path, given_[j].name));
            throw ConfigError(fmt::format("the expressions go in a circle: {}", fmt::join(path, " <- ")),
                              "give one of them bounds or a value");
        }
        states[j] = State::open;
        for (const std::string& symbol : symbols_of(expressions_[j])) visit(index_of(symbol));
        states[j] = State::done;
        path.pop_back();
        order_.push_back(j);
    };
    for (std::size_t j = 0; j < given_.size(); ++j) visit(j);
}

std::vector<double> OptVariables::complete(std::span<const double> fitted) const {
    if (fitted.size() != fitted_.size())
        throw ConfigError(fmt::format("{} values, but {} variables are fitted: {}", fitted.size(), fitted_.size(),
                                      fmt::join(fitted_, ", ")));
    std::vector<double> all(given_.size());
    std::unordered_map<std::string, double> values;
    std::size_t next = 0;
    for (std::size_t j = 0; j < given_.size(); ++j) {
        if (!given_[j].expression.empty()) continue;
        all[j] = given_[j].value ? *given_[j].value : fitted[next++];
        values[given_[j].name] = all[j];
    }
    for (const std::size_t j : order_) {
        all[j] = evaluate(expressions_[j], [&](const std::string& name) { return values.at(name); });
        values[given_[j].name] = all[j];
    }
    return all;
}

std::vector<std::pair<double, double>> OptVariables::guessed_box() const {
    if (std::ranges::none_of(given_, [](const OptVariable& entry) { return entry.guess.has_value(); })) return {};
    std::vector<std::pair<double, double>> box;
    for (const OptVariable& entry : given_) {
        if (!entry.bounds) continue;
        const auto [low, high] = sorted(entry.guess ? *entry.guess : *entry.bounds);
        const std::size_t j = box.size();
        box.emplace_back(space_.to_coordinate(j, low), space_.to_coordinate(j, high));
    }
    return box;
}

}  // namespace spikesmith
