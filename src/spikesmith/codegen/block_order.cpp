#include "spikesmith/codegen/block_order.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <numeric>
#include <optional>
#include <queue>
#include <ranges>
#include <utility>
#include <vector>

#include <llvm/ADT/DenseMap.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/IntrinsicsX86.h>

namespace spikesmith::codegen {
namespace {

using llvm::Instruction;

// What an instruction takes: cycles until its result is there, places in the two vector units. The figures are those of
// Intel's server cores with 512-bit vectors; others differ little in what matters, their proportions.
struct Cost {
    int latency = 0;
    int places = 0;
    bool divides = false;
    bool one_unit = false;  // only the second unit can do it
};

constexpr int division_interval = 16;

Cost cost_of(const Instruction& i) {
    if (!i.getType()->isVectorTy() && !i.getType()->isFloatingPointTy()) return {};
    switch (i.getOpcode()) {
        case Instruction::FAdd:
        case Instruction::FSub:
        case Instruction::FMul:
        case Instruction::Select:
            return {.latency = 4, .places = 1};
        case Instruction::FDiv:
            return {.latency = 24, .places = 3, .divides = true};
        case Instruction::FCmp: {
            // a choice of the smaller or the larger is one instruction
            const bool chooses = i.hasOneUse() && llvm::isa<llvm::SelectInst>(*i.user_begin());
            return chooses ? Cost{} : Cost{.latency = 3, .places = 1, .one_unit = true};
        }
        case Instruction::ICmp:
            return {.latency = 3, .places = 1, .one_unit = true};
        case Instruction::Call: {
            const auto* call = llvm::dyn_cast<llvm::IntrinsicInst>(&i);
            switch (call == nullptr ? llvm::Intrinsic::fma : call->getIntrinsicID()) {
                case llvm::Intrinsic::fma:
                case llvm::Intrinsic::x86_avx512_mask_range_pd_512:
                case llvm::Intrinsic::x86_avx512_mask_scalef_pd_512:
                    return {.latency = 4, .places = 1};
                case llvm::Intrinsic::fabs:
                    return {.latency = 1, .places = 1};
                case llvm::Intrinsic::x86_avx512_permvar_df_512:
                    return {.latency = 3, .places = 1, .one_unit = true};
                case llvm::Intrinsic::sqrt:
                    return {.latency = 30, .places = 3, .divides = true};
                default:
                    return {.latency = 8, .places = 2};
            }
        }
        case Instruction::Add:
        case Instruction::Sub:
        case Instruction::Shl:
        case Instruction::LShr:
        case Instruction::AShr:
            return {.latency = 1, .places = 1};
        default:  // conditions, which masked comparisons take in; signs; bits; what memory holds
            return {};
    }
}

using Index = std::uint32_t;

struct Graph {
    std::vector<Instruction*> nodes;
    std::vector<Cost> costs;
    std::vector<std::vector<Index>> users;
    std::vector<std::vector<Index>> later_users;  // in the next turn
    std::vector<Index> operands;                  // how many

    void forget_users() {
        users.assign(nodes.size(), {});
        later_users.assign(nodes.size(), {});
        operands.assign(nodes.size(), 0);
    }
    void add_user(Index node, Index user) {
        users[node].push_back(user);
        ++operands[user];
    }
};

Graph graph_of(llvm::BasicBlock& block, const std::vector<Carried>& carried) {
    Graph g;
    llvm::DenseMap<const llvm::Value*, Index> number;
    for (Instruction& i : block) {
        if (i.isTerminator()) break;
        if (llvm::isa<llvm::PHINode>(i)) continue;
        number[&i] = static_cast<Index>(g.nodes.size());
        g.nodes.push_back(&i);
        g.costs.push_back(cost_of(i));
    }
    const std::size_t n = g.nodes.size();
    g.forget_users();
    const auto depends = [&](Index user, Index operand) { g.add_user(operand, user); };
    const Instruction* last_store = nullptr;
    for (Index v = 0; v < n; ++v) {
        for (const llvm::Value* operand : g.nodes[v]->operand_values()) {
            if (const auto known = number.find(operand); known != number.end()) depends(v, known->second);
        }
        if (!g.nodes[v]->mayWriteToMemory()) continue;
        if (last_store != nullptr) depends(v, number[last_store]);
        last_store = g.nodes[v];
    }
    for (const auto& [phi, value] : carried) {
        const auto known = number.find(value);
        if (known == number.end()) continue;
        for (const llvm::User* user : phi->users()) {
            if (const auto used = number.find(user); used != number.end())
                g.later_users[known->second].push_back(used->second);
        }
    }
    return g;
}

// Operations that could begin at a cycle as far as their operands go, by what else they need. Of those that fit the one comes next
// that has the most cycles to go, of equals the first.
class Candidates {
  public:
    Candidates(const Graph& g, const std::vector<int>& to_go) : costs_(g.costs), to_go_(to_go) {}

    void add(Index v, int ready) { waiting_.emplace(ready, v); }
    [[nodiscard]] bool empty() const {
        return waiting_.empty() && std::ranges::all_of(open_, [](const auto& heap) { return heap.empty(); });
    }

    std::optional<Index> next() {
        for (; !waiting_.empty() && waiting_.top().first <= cycle; waiting_.pop()) {
            const Index v = waiting_.top().second;
            open_[need_of(v)].emplace(to_go_[v], -static_cast<std::int64_t>(v));
        }
        const std::array<bool, needs> fits{true, unit_[0] <= cycle || unit_[1] <= cycle, unit_[1] <= cycle,
                                           unit_[0] <= cycle && divider_ <= cycle};
        Heap* best = nullptr;
        for (std::size_t need = 0; need < needs; ++need) {
            Heap& heap = open_[need];
            if (fits[need] && !heap.empty() && (best == nullptr || heap.top() > best->top())) best = &heap;
        }
        if (best == nullptr) return std::nullopt;
        const auto v = static_cast<Index>(-best->top().second);
        best->pop();
        begin(costs_[v]);
        return v;
    }

    int cycle = 0;

  private:
    static constexpr std::size_t needs = 4;  // nothing, a unit, the second unit, the first unit and the divider
    using Heap = std::priority_queue<std::pair<int, std::int64_t>>;

    [[nodiscard]] std::size_t need_of(Index v) const {
        const Cost& c = costs_[v];
        if (c.divides) return 3;
        if (c.one_unit) return 2;
        return c.places > 0 ? 1 : 0;
    }
    void begin(const Cost& c) {
        if (c.divides) divider_ = cycle + division_interval;
        if (c.places > 1) {
            unit_[0] = std::max(unit_[0], cycle) + c.places - 1;
            unit_[1] = std::max(unit_[1], cycle) + 1;
        } else if (c.places == 1) {
            auto& used = !c.one_unit && unit_[0] <= cycle ? unit_[0] : unit_[1];
            used = cycle + 1;
        }
    }

    const std::vector<Cost>& costs_;
    const std::vector<int>& to_go_;
    std::priority_queue<std::pair<int, Index>, std::vector<std::pair<int, Index>>, std::greater<>> waiting_;
    std::array<Heap, needs> open_;
    std::array<int, 2> unit_{};  // free from then on
    int divider_ = 0;
};

// The operations in the order of a schedule for one turn. `begun` holds when each begins, before and after: states are taken to
// be there when they were in the turn before.
std::vector<Index> schedule(const Graph& g, const std::vector<int>& to_go, int interval, std::vector<int>& begun) {
    const std::size_t n = g.nodes.size();
    std::vector<int> ready(n, 0);
    for (Index v = 0; v < n; ++v) {
        for (const Index user : g.later_users[v])
            ready[user] = std::max(ready[user], begun[v] + g.costs[v].latency - interval);
    }
    auto waiting = g.operands;
    std::vector<Index> order;
    order.reserve(n);
    Candidates candidates(g, to_go);
    for (Index v = 0; v < n; ++v) {
        if (waiting[v] == 0) candidates.add(v, ready[v]);
    }
    while (!candidates.empty()) {
        const std::optional<Index> v = candidates.next();
        if (!v) {
            ++candidates.cycle;
            continue;
        }
        order.push_back(*v);
        begun[*v] = candidates.cycle;
        for (const Index user : g.users[*v]) {
            ready[user] = std::max(ready[user], candidates.cycle + g.costs[*v].latency);
            if (--waiting[user] == 0) candidates.add(user, ready[user]);
        }
    }
    return order;
}

// Cycles from the beginning of an operation to the end of the turn. `order` has operands before their users.
std::vector<int> cycles_to_go(const Graph& g, const std::vector<Index>& order) {
    std::vector<int> to_go(g.nodes.size(), 0);
    for (const Index v : std::views::reverse(order)) {
        for (const Index user : g.users[v]) to_go[v] = std::max(to_go[v], to_go[user]);
        to_go[v] += g.costs[v].latency;
    }
    return to_go;
}

struct Schedule {
    std::vector<Index> order;
    std::vector<int> begun;
    int length = 0;
};

// `passes`: until what one turn hands to the next hardly moves.
Schedule best_schedule(const Graph& g, const std::vector<Index>& topological, int passes = 4) {
    int places = 0;
    for (const Cost& c : g.costs) places += c.places;
    // Two a cycle, and a little less time than that takes: what is known late is then asked for late.
    const int interval = places * 9 / 20;
    const auto to_go = cycles_to_go(g, topological);
    Schedule s{.order = {}, .begun = std::vector<int>(g.nodes.size(), 0)};
    for (int pass = 0; pass < passes; ++pass) s.order = schedule(g, to_go, interval, s.begun);
    s.length = s.begun.empty() ? 0 : *std::max_element(s.begun.begin(), s.begun.end());
    return s;
}

std::vector<Index> as_written(const Graph& g) {
    std::vector<Index> order(g.nodes.size());
    std::iota(order.begin(), order.end(), Index{0});
    return order;
}

// The graph of a turn that ends one step and begins the next. The order has operands first.
Graph retimed(const Graph& g, const std::vector<bool>& early, std::vector<Index>& order) {
    Graph r{.nodes = g.nodes, .costs = g.costs, .users = {}, .later_users = {}, .operands = {}};
    const std::size_t n = g.nodes.size();
    r.forget_users();
    const auto now = [&](Index v, Index user) { r.add_user(v, user); };
    for (Index v = 0; v < n; ++v) {
        for (const Index user : g.users[v]) {
            if (early[v] == early[user])
                now(v, user);
            else
                r.later_users[v].push_back(user);
        }
        for (const Index user : g.later_users[v]) {
            if (!early[v] && early[user])
                now(v, user);
            else
                r.later_users[v].push_back(user);
        }
    }
    order.clear();
    for (const bool part : {false, true}) {
        for (Index v = 0; v < n; ++v) {
            if (early[v] == part) order.push_back(v);
        }
    }
    return r;
}

}  // namespace

std::vector<bool> early_part(llvm::BasicBlock& step, const std::vector<Carried>& carried) {
    const Graph g = graph_of(step, carried);
    const std::size_t n = g.nodes.size();
    const Schedule whole = best_schedule(g, as_written(g));
    std::vector<bool> best(n, true);
    int shortest = whole.length;
    constexpr int cuts = 12;
    for (int cut = 1; cut < cuts; ++cut) {
        const int time = whole.length * cut / cuts;
        std::vector<bool> early(n);
        for (std::size_t v = 0; v < n; ++v) early[v] = whole.begun[v] < time;
        std::vector<Index> order;
        const Graph turn = retimed(g, early, order);
        const Schedule s = best_schedule(turn, order, 2);
        if (s.length < shortest) {
            shortest = s.length;
            best = early;
        }
    }
    return best;
}

void order_loop(llvm::BasicBlock& step) {
    std::vector<Carried> carried;
    for (const llvm::PHINode& phi : step.phis()) carried.emplace_back(&phi, phi.getIncomingValueForBlock(&step));
    const Graph g = graph_of(step, carried);
    for (const Index v : best_schedule(g, as_written(g)).order) g.nodes[v]->moveBefore(step.getTerminator());
}

}  // namespace spikesmith::codegen
