#include "spikesmith/symbolic/expression.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <mutex>
#include <set>
#include <unordered_set>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/symbolic/scalar.hpp"

namespace spikesmith {

struct Expression::Node {
    Op op = Op::number;
    double number = 0;
    std::uint32_t site = 0;
    std::string name;
    std::vector<Expression> arguments;
    std::size_t hash = 0;

    ~Node();
};

// The table of all living expressions: what makes equal expressions the same node. It is process-wide because equality is a
// property of the values, not of a table that someone would have to pass around; it holds no owning reference.
struct Interner {
    std::mutex mutex;
    std::unordered_multimap<std::size_t, std::weak_ptr<const Expression::Node>> nodes;

    static Interner& instance() {
        // never freed: it must outlive every static expression
        static auto* interner = new Interner;  // NOLINT(cppcoreguidelines-owning-memory)
        return *interner;
    }

    static bool same(const Expression::Node& a, const Expression::Node& b) {
        return a.op == b.op && std::bit_cast<std::uint64_t>(a.number) == std::bit_cast<std::uint64_t>(b.number) &&
               a.site == b.site && a.name == b.name && a.arguments == b.arguments;
    }

    static Expression intern(Expression::Node&& node) {
        std::size_t hash = std::hash<int>{}(static_cast<int>(node.op));
        const auto mix = [&hash](std::size_t value) {
            hash ^= value + 0x9e3779b97f4a7c15ULL + (hash << 6) + (hash >> 2);
        };
        mix(std::hash<std::uint64_t>{}(std::bit_cast<std::uint64_t>(node.number)));
        mix(node.site);
        mix(std::hash<std::string>{}(node.name));
        for (const auto& argument : node.arguments) mix(std::hash<Expression>{}(argument));
        node.hash = hash;

        auto& self = instance();
        std::vector<std::shared_ptr<const Expression::Node>>
            keep;  // released after the lock: a node's end takes the lock itself
        const std::lock_guard lock(self.mutex);
        const auto [first, last] = self.nodes.equal_range(hash);
        for (auto it = first; it != last; ++it) {
            if (auto existing = it->second.lock()) {
                if (same(*existing, node)) return Expression(std::move(existing));
                keep.push_back(std::move(existing));
            }
        }
        auto fresh = std::make_shared<const Expression::Node>(std::move(node));
        self.nodes.emplace(hash, fresh);
        return Expression(std::move(fresh));
    }
};

Expression::Node::~Node() {
    if (hash == 0) return;
    auto& interner = Interner::instance();
    const std::lock_guard lock(interner.mutex);
    const auto [first, last] = interner.nodes.equal_range(hash);
    for (auto it = first; it != last;) it = it->second.expired() ? interner.nodes.erase(it) : std::next(it);
}

namespace {

struct OpInfo {
    std::string_view name;
    int arity;
};

const OpInfo& info(Op op) {
    static constexpr std::array<OpInfo, 58> table{{
        {"number", 0},
        {"symbol", 0},
        {"+", 2},
        {"-", 2},
        {"*", 2},
        {"/", 2},
        {"-", 1},
        {"**", 2},
        {"//", 2},
        {"%", 2},
        {"<", 2},
        {"<=", 2},
        {">", 2},
        {">=", 2},
        {"==", 2},
        {"!=", 2},
        {"and", 2},
        {"or", 2},
        {"not", 1},
        {"where", 3},
        {"exp", 1},
        {"expm1", 1},
        {"exprel", 1},
        {"log", 1},
        {"log10", 1},
        {"log1p", 1},
        {"sqrt", 1},
        {"sin", 1},
        {"cos", 1},
        {"tan", 1},
        {"sinh", 1},
        {"cosh", 1},
        {"tanh", 1},
        {"arcsin", 1},
        {"arccos", 1},
        {"arctan", 1},
        {"arcsinh", 1},
        {"arccosh", 1},
        {"arctanh", 1},
        {"arctan2", 2},
        {"floor", 1},
        {"ceil", 1},
        {"abs", 1},
        {"sign", 1},
        {"int", 1},
        {"min", 2},
        {"max", 2},
        {"timestep", 2},
        {"x_over_expm1", 1},
        {"exprel_slope", 1},
        {"x_over_expm1_slope", 2},
        {"exprel_near_0", 1},
        {"exprel_near_0_slope", 1},
        {"exp_given", 2},
        {"x_over_expm1_given", 3},
        {"rand", 0},
        {"randn", 0},
        {"poisson", 1},
    }};
    return table[static_cast<std::size_t>(op)];
}

bool is_random(Op op) {
    return op == Op::uniform || op == Op::normal || op == Op::poisson;
}

// Neutral elements and double negation: rewriting that changes no value (NaN and infinities included).
std::optional<Expression> neutral(Op op, std::span<const Expression> a) {
    switch (op) {
        case Op::add:
            if (a[0].is_number(0)) return a[1];
            if (a[1].is_number(0)) return a[0];
            break;
        case Op::subtract:
            if (a[1].is_number(0)) return a[0];
            if (a[0].is_number(0)) return -a[1];
            break;
        case Op::multiply:
            if (a[0].is_number(1)) return a[1];
            if (a[1].is_number(1)) return a[0];
            if (a[0].is_number(-1)) return -a[1];
            if (a[1].is_number(-1)) return -a[0];
            break;
        case Op::divide:
            if (a[1].is_number(1)) return a[0];
            break;
        case Op::power:
            if (a[1].is_number(1)) return a[0];
            break;
        case Op::negate:
            if (a[0].op() == Op::negate) return a[0].arguments()[0];
            break;
        case Op::select:
            if (a[0].op() == Op::number) return a[0].number() != 0 ? a[1] : a[2];
            break;
        default:
            break;
    }
    return std::nullopt;
}

int precedence(Op op) {
    switch (op) {
        case Op::logical_or:
            return 1;
        case Op::logical_and:
            return 2;
        case Op::logical_not:
            return 3;
        case Op::less:
        case Op::less_equal:
        case Op::greater:
        case Op::greater_equal:
        case Op::equal:
        case Op::not_equal:
            return 4;
        case Op::add:
        case Op::subtract:
            return 5;
        case Op::multiply:
        case Op::divide:
        case Op::floor_divide:
        case Op::modulo:
            return 6;
        case Op::negate:
            return 7;
        case Op::power:
            return 8;
        default:
            return 9;
    }
}

void print(const Expression& e, std::string& out) {
    const auto wrapped = [&out](const Expression& argument, bool parentheses) {
        if (parentheses) out += '(';
        print(argument, out);
        if (parentheses) out += ')';
    };
    const Op op = e.op();
    const auto a = e.arguments();
    const int level = precedence(op);
    if (op == Op::number) {
        const double v = e.number();
        out += std::isinf(v) ? (v > 0 ? "inf" : "-inf") : fmt::format("{}", v);
    } else if (op == Op::symbol) {
        out += e.name();
    } else if (op == Op::negate || op == Op::logical_not) {
        out += op == Op::negate ? "-" : "not ";
        wrapped(a[0], precedence(a[0].op()) < level);
    } else if (level < 9) {
        const auto level_of = [](const Expression& x) {
            return x.op() == Op::number && std::signbit(x.number()) ? 7 : precedence(x.op());
        };
        wrapped(a[0], op == Op::power ? level_of(a[0]) <= level
                                      : level_of(a[0]) < level || (level == 4 && level_of(a[0]) == 4));
        const bool tight = op == Op::power || op == Op::multiply || op == Op::divide;
        out += tight ? std::string(op_name(op)) : fmt::format(" {} ", op_name(op));
        wrapped(a[1], op == Op::power ? level_of(a[1]) < level : level_of(a[1]) <= level);
    } else {
        out += op_name(op);
        out += '(';
        for (std::size_t k = 0; k < a.size(); ++k) {
            if (k > 0) out += ", ";
            print(a[k], out);
        }
        out += ')';
    }
}

// Calls `visit` once for every distinct node.
template <class Visit>
void for_each_node(const Expression& root, Visit visit) {
    std::unordered_set<const void*> seen;
    std::vector<Expression> pending{root};
    while (!pending.empty()) {
        const Expression e = pending.back();
        pending.pop_back();
        if (!seen.insert(e.id()).second) continue;
        visit(e);
        for (const auto& argument : e.arguments()) pending.push_back(argument);
    }
}

}  // namespace

int arity(Op op) {
    return info(op).arity;
}
std::string_view op_name(Op op) {
    return info(op).name;
}
bool is_boolean(Op op) {
    return op >= Op::less && op <= Op::logical_not;
}

Expression::Expression() : Expression(0.0) {}
Expression::Expression(double number) : Expression(Interner::intern(Node{.op = Op::number, .number = number})) {}
Expression Expression::symbol(std::string name) {
    return Interner::intern(Node{.op = Op::symbol, .name = std::move(name)});
}

Expression Expression::apply(Op op, std::span<const Expression> arguments) {
    const bool numbers =
        std::all_of(arguments.begin(), arguments.end(), [](const Expression& a) { return a.op() == Op::number; });
    if (numbers && !arguments.empty() && !is_random(op)) {
        std::array<double, 3> values{};
        for (std::size_t k = 0; k < arguments.size(); ++k) values[k] = arguments[k].number();
        return {evaluate_operation(op, values[0], values[1], values[2])};
    }
    if (auto simpler = neutral(op, arguments)) return *simpler;
    return Interner::intern(Node{.op = op, .arguments = {arguments.begin(), arguments.end()}});
}

Expression Expression::random(Op op, std::uint32_t site, std::span<const Expression> arguments) {
    return Interner::intern(Node{.op = op, .site = site, .arguments = {arguments.begin(), arguments.end()}});
}

Op Expression::op() const {
    return node_->op;
}
double Expression::number() const {
    return node_->number;
}
const std::string& Expression::name() const {
    return node_->name;
}
std::uint32_t Expression::site() const {
    return node_->site;
}
std::span<const Expression> Expression::arguments() const {
    return node_->arguments;
}
bool Expression::is_number(double value) const {
    return node_->op == Op::number && node_->number == value;
}

Expression apply(Op op, const Expression& a) {
    return Expression::apply(op, std::array{a});
}
Expression apply(Op op, const Expression& a, const Expression& b) {
    return Expression::apply(op, std::array{a, b});
}
Expression apply(Op op, const Expression& a, const Expression& b, const Expression& c) {
    return Expression::apply(op, std::array{a, b, c});
}
Expression operator+(const Expression& a, const Expression& b) {
    return apply(Op::add, a, b);
}
Expression operator-(const Expression& a, const Expression& b) {
    return apply(Op::subtract, a, b);
}
Expression operator*(const Expression& a, const Expression& b) {
    return apply(Op::multiply, a, b);
}
Expression operator/(const Expression& a, const Expression& b) {
    return apply(Op::divide, a, b);
}
Expression operator-(const Expression& a) {
    return apply(Op::negate, a);
}
Expression pow(const Expression& base, const Expression& exponent) {
    return apply(Op::power, base, exponent);
}

std::string to_string(const Expression& expression) {
    std::string out;
    print(expression, out);
    return out;
}

std::vector<std::string> symbols_of(const Expression& expression) {
    std::set<std::string> names;
    for_each_node(expression, [&](const Expression& e) {
        if (e.op() == Op::symbol) names.insert(e.name());
    });
    return {names.begin(), names.end()};
}

bool depends_on(const Expression& expression, std::string_view symbol) {
    bool found = false;
    for_each_node(expression,
                  [&](const Expression& e) { found = found || (e.op() == Op::symbol && e.name() == symbol); });
    return found;
}

bool has_random(const Expression& expression) {
    bool found = false;
    for_each_node(expression, [&](const Expression& e) { found = found || is_random(e.op()); });
    return found;
}

Expression substitute(const Expression& expression, const Substitution& replacements) {
    return rewrite(expression, [&](const Expression& e) -> std::optional<Expression> {
        if (e.op() != Op::symbol) return std::nullopt;
        const auto it = replacements.find(e.name());
        return it == replacements.end() ? std::nullopt : std::optional(it->second);
    });
}

Expression rewrite(const Expression& expression,
                   const std::function<std::optional<Expression>(const Expression&)>& replace) {
    std::unordered_map<Expression, Expression> done;
    const std::function<Expression(const Expression&)> visit = [&](const Expression& e) -> Expression {
        if (const auto it = done.find(e); it != done.end()) return it->second;
        Expression rebuilt = e;
        if (!e.arguments().empty()) {
            std::vector<Expression> arguments;
            for (const auto& a : e.arguments()) arguments.push_back(visit(a));
            if (!std::equal(arguments.begin(), arguments.end(), e.arguments().begin())) {
                rebuilt = is_random(e.op()) ? Expression::random(e.op(), e.site(), arguments)
                                            : Expression::apply(e.op(), arguments);
            }
        }
        if (auto replacement = replace(rebuilt)) rebuilt = *replacement;
        done.emplace(e, rebuilt);
        return rebuilt;
    };
    return visit(expression);
}

double evaluate(const Expression& expression, const std::function<double(const std::string&)>& value_of) {
    std::unordered_map<const void*, double> done;
    const std::function<double(const Expression&)> visit = [&](const Expression& e) -> double {
        if (e.op() == Op::number) return e.number();
        if (e.op() == Op::symbol) return value_of(e.name());
        if (is_random(e.op())) throw NumericalError(fmt::format("`{}()` has no single value", op_name(e.op())));
        if (const auto it = done.find(e.id()); it != done.end()) return it->second;
        std::array<double, 3> values{};
        for (std::size_t k = 0; k < e.arguments().size(); ++k) values[k] = visit(e.arguments()[k]);
        return done[e.id()] = evaluate_operation(e.op(), values[0], values[1], values[2]);
    };
    return visit(expression);
}

}  // namespace spikesmith
