#include "spikesmith/codegen/speculative_loop.hpp"

#include <algorithm>
#include <ranges>

#include <llvm/ADT/MapVector.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/MDBuilder.h>
#include <llvm/IR/PatternMatch.h>
#include <llvm/Transforms/Utils/ValueMapper.h>

#include "spikesmith/codegen/block_order.hpp"

namespace spikesmith::codegen {
namespace {

using llvm::Instruction;
using llvm::PHINode;
using llvm::Value;
using InstructionSet = llvm::DenseSet<const Instruction*>;

class Maker {
  public:
    Maker(const IrEmitter& lanes, const IrEmitter& shared, const StepCode& step, Value* last_step)
        : lanes_(lanes), shared_(shared), step_(step), last_step_(last_step), builder_(lanes.builder()) {}

    SpeculativeLoop make() {
        find_shared();
        find_early();
        auto* attempt = block("attempt");
        auto* first = block("first_half");
        steps_ = block("steps");
        auto* leave = block("leave");

        builder_.SetInsertPoint(attempt);
        SpeculativeLoop loop{.begin = attempt, .k = nullptr, .states = {}, .exits = {}};
        loop.k = builder_.CreatePHI(builder_.getInt64Ty(), 2, "k");
        for (const PHINode* state : step_.states) loop.states.push_back(builder_.CreatePHI(state->getType(), 2));
        builder_.CreateCondBr(is_step(after(loop.k)), first, leave);

        builder_.SetInsertPoint(first);
        Map begun;
        begin_step(begun, loop.k, {loop.states.begin(), loop.states.end()});
        for (const Instruction& i : *step_.block) {
            if (early_.contains(&i)) copy(i, begun);
        }
        Value* usual = all_usual(begun, nullptr);
        builder_.CreateCondBr(usual, steps_, leave);

        builder_.SetInsertPoint(steps_);
        auto* k = builder_.CreatePHI(builder_.getInt64Ty(), 2, "k");
        k->addIncoming(loop.k, first);
        std::vector<Value*> states;
        for (Value* state : loop.states) states.push_back(carried(state, first));
        Map ends, begins;
        begin_step(ends, k, states);
        for (const Instruction* i : crossing_) ends[i] = carried(begun.lookup(i), first);
        for (const Instruction& i : *step_.block) {
            if (is_late(i)) copy(i, ends);
        }
        std::vector<Value*> next;
        for (Value* state : step_.next) next.push_back(mapped(state, ends));
        Value* next_k = after(k);
        begin_step(begins, next_k, next);
        for (const Instruction& i : *step_.block) {
            if (early_.contains(&i)) copy(i, begins);
        }
        usual = all_usual(begins, &ends);
        auto* likely = llvm::MDBuilder(builder_.getContext()).createBranchWeights(1 << 16, 1);
        auto* ended = block("ended");
        builder_.CreateCondBr(both(usual, is_step(after(next_k))), steps_, ended, likely);
        k->addIncoming(next_k, steps_);
        for (std::size_t s = 0; s < states.size(); ++s) llvm::cast<PHINode>(states[s])->addIncoming(next[s], steps_);
        for (const Instruction* i : crossing_) llvm::cast<PHINode>(ends[i])->addIncoming(begins.lookup(i), steps_);
        order_loop(*steps_);

        builder_.SetInsertPoint(ended);
        SpeculativeLoop::Exit exit{.from = ended, .k = builder_.CreateSelect(usual, next_k, k), .states = {}};
        for (std::size_t s = 0; s < states.size(); ++s)
            exit.states.push_back(builder_.CreateSelect(usual, next[s], states[s]));
        loop.exits.push_back(exit);
        // attempt and first_half end alike
        builder_.SetInsertPoint(leave);
        loop.exits.push_back({leave, loop.k, {loop.states.begin(), loop.states.end()}});
        remove_step();
        return loop;
    }

  private:
    using Map = llvm::ValueToValueMapTy;

    llvm::BasicBlock* block(const char* name) {
        return llvm::BasicBlock::Create(builder_.getContext(), name, step_.block->getParent());
    }
    Value* after(Value* k) { return builder_.CreateAdd(k, builder_.getInt64(1)); }
    Value* is_step(Value* k) { return builder_.CreateICmpSLT(k, last_step_); }

    // As one condition: LLVM would make two branches of `and`, and move half of a turn between them.
    Value* both(Value* a, Value* b) {
        auto* byte = builder_.getInt8Ty();
        Value* bits = builder_.CreateAnd(builder_.CreateZExt(a, byte), builder_.CreateZExt(b, byte));
        return builder_.CreateICmpNE(bits, builder_.getInt8(0));
    }

    // Values that all lanes share, and their copies in lanes: computed for each half of a step that needs them.
    void find_shared() {
        for (const Instruction& i : *step_.block) {
            if (llvm::isa<PHINode>(i) || i.mayWriteToMemory()) continue;
            const bool form = !i.getType()->isVectorTy() || llvm::isa<llvm::InsertElementInst>(i) ||
                              llvm::isa<llvm::ShuffleVectorInst>(i);
            const bool from_shared = std::all_of(i.value_op_begin(), i.value_op_end(), [&](const Value* v) {
                const auto* operand = llvm::dyn_cast<Instruction>(v);
                return operand == nullptr || operand == step_.k || operand->getParent() != step_.block ||
                       shared_values_.contains(operand);
            });
            if (form && from_shared) shared_values_.insert(&i);
        }
    }

    [[nodiscard]] bool is_late(const Instruction& i) const {
        return !llvm::isa<PHINode>(i) && !early_.contains(&i) && !shared_values_.contains(&i);
    }

    void find_early() {
        std::vector<const Instruction*> nodes;
        for (const Instruction& i : *step_.block) {
            if (llvm::isa<PHINode>(i)) continue;
            nodes.push_back(&i);
        }
        std::vector<Carried> carried;
        for (std::size_t s = 0; s < step_.states.size(); ++s) carried.emplace_back(step_.states[s], step_.next[s]);
        const auto early = early_part(*step_.block, carried);
        for (std::size_t n = 0; n < nodes.size(); ++n) {
            if (early[n] && !shared_values_.contains(nodes[n])) early_.insert(nodes[n]);
        }
        const auto crosses = [&](const Instruction* i) {
            return std::any_of(i->user_begin(), i->user_end(), [&](const llvm::User* u) {
                const auto* user = llvm::cast<Instruction>(u);
                return user->getParent() != step_.block || is_late(*user);
            });
        };
        for (const Instruction* i : nodes) {
            if (early_.contains(i) && (crosses(i) || std::ranges::find(step_.next, i) != step_.next.end()))
                crossing_.push_back(i);
        }
    }

    void begin_step(Map& map, Value* k, const std::vector<Value*>& states) {
        map[step_.k] = k;
        for (std::size_t s = 0; s < states.size(); ++s) map[step_.states[s]] = states[s];
    }

    // The instruction here, for the step that the map belongs to.
    void copy(const Instruction& i, Map& map) {
        for (const Value* operand : i.operand_values()) {
            const auto* shared = llvm::dyn_cast<Instruction>(operand);
            if (shared != nullptr && shared_values_.contains(shared) && !map.count(shared)) copy(*shared, map);
        }
        Instruction* made = i.clone();
        builder_.Insert(made);
        llvm::RemapInstruction(made, map, llvm::RF_NoModuleLevelChanges | llvm::RF_IgnoreMissingLocals);
        map[&i] = made;
    }
    Value* mapped(Value* value, Map& map) {
        if (const auto* i = llvm::dyn_cast<Instruction>(value);
            i != nullptr && shared_values_.contains(i) && !map.count(i))
            copy(*i, map);
        Value* known = map.lookup(value);
        return known == nullptr ? value : known;
    }
    PHINode* carried(Value* initial, llvm::BasicBlock* from) {
        auto* phi = PHINode::Create(initial->getType(), 2, "", steps_->getFirstNonPHIIt());
        phi->addIncoming(initial, from);
        return phi;
    }

    // i1: whether all tests passed that the step which begins has made, and those of the step which ends.
    Value* all_usual(Map& begins, Map* ends) {
        const auto conditions = [&](const Speculation& speculation, const IrEmitter& emitter) {
            std::vector<Value*> all(speculation.pieces);
            // Values whose magnitude must be larger. NaN need not count: it is NaN in either case.
            llvm::MapVector<llvm::Constant*, std::vector<Value*>> beyond;
            for (const auto& test : speculation.tests) {
                const auto* i = llvm::dyn_cast<Instruction>(test.holds);
                const bool early =
                    i == nullptr || i->getParent() != step_.block || early_.contains(i) || shared_values_.contains(i);
                if (!early && ends == nullptr) continue;
                Map& map = early ? begins : *ends;
                llvm::Constant* limit = nullptr;
                Value* x = nullptr;
                if (match(test.holds, llvm::PatternMatch::m_SpecificFCmp(
                                          llvm::CmpInst::FCMP_OLT, llvm::PatternMatch::m_Constant(limit),
                                          llvm::PatternMatch::m_FAbs(llvm::PatternMatch::m_Value(x))))) {
                    beyond[limit].push_back(mapped(x, map));
                    continue;
                }
                Value* holds = mapped(test.holds, map);
                Value*& so_far = all[test.piece];
                so_far = so_far == nullptr ? holds : builder_.CreateAnd(so_far, holds);
            }
            for (const auto& [limit, values] : beyond)
                all.push_back(builder_.CreateFCmpOLT(limit, emitter.least_magnitude(values)));
            std::erase(all, nullptr);
            return all;
        };
        Value* of_lanes = lanes_.all_set(conditions(*step_.speculation, lanes_));
        return builder_.CreateAnd(of_lanes, shared_.all_set(conditions(*step_.shared, shared_)));
    }

    void remove_step() const {
        while (!step_.block->empty()) {
            Instruction& last = step_.block->back();
            last.replaceAllUsesWith(llvm::PoisonValue::get(last.getType()));
            last.eraseFromParent();
        }
        step_.block->eraseFromParent();
    }

    const IrEmitter& lanes_;
    const IrEmitter& shared_;
    const StepCode& step_;
    Value* last_step_;
    llvm::IRBuilder<>& builder_;
    InstructionSet shared_values_, early_;
    std::vector<const Instruction*> crossing_;
    llvm::BasicBlock* steps_ = nullptr;
};

}  // namespace

SpeculativeLoop make_speculative_loop(const IrEmitter& lanes, const IrEmitter& shared, const StepCode& step,
                                      Value* last_step) {
    return Maker(lanes, shared, step, last_step).make();
}

}  // namespace spikesmith::codegen
