#include "spikesmith/codegen/speculative_loop.hpp"

#include <algorithm>
#include <ranges>

#include <llvm/ADT/SmallPtrSet.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/MDBuilder.h>
#include <llvm/Transforms/Utils/ValueMapper.h>

#include "spikesmith/codegen/block_order.hpp"

namespace spikesmith::codegen {
namespace {

using llvm::Instruction;
using llvm::PHINode;
using llvm::Value;
using InstructionSet = llvm::DenseSet<const Instruction*>;

// Adds what the instruction needs of its block.
void add_with_operands(const Value* value, const llvm::BasicBlock* block, InstructionSet& set) {
    llvm::SmallVector<const Value*, 32> open{value};
    while (!open.empty()) {
        const auto* i = llvm::dyn_cast<Instruction>(open.pop_back_val());
        if (i == nullptr || i->getParent() != block || llvm::isa<PHINode>(i) || !set.insert(i).second) continue;
        open.append(i->value_op_begin(), i->value_op_end());
    }
}

class Maker {
  public:
    Maker(const IrEmitter& lanes, const IrEmitter& shared, const StepCode& step, Value* last_step)
        : lanes_(lanes), shared_(shared), step_(step), last_step_(last_step), builder_(lanes.builder()) {}

    SpeculativeLoop make() {
        find_repairs();
        find_shared();
        find_early();
        auto* attempt = block("attempt");
        auto* first = block("first_half");
        head_ = block("steps");
        turn_ = block("turn");
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
        builder_.CreateCondBr(usual, head_, leave);

        builder_.SetInsertPoint(head_);
        auto* k = builder_.CreatePHI(builder_.getInt64Ty(), 2, "k");
        k->addIncoming(loop.k, first);
        std::vector<Value*> states;
        for (Value* state : loop.states) states.push_back(carried(state, first));
        Map ends, begins;
        begin_step(ends, k, states);
        for (const Instruction* i : crossing_) ends[i] = carried(begun.lookup(i), first);
        for (const Instruction& i : *step_.block) {
            if (repair_needs_.contains(&i) && is_late(i)) copy(i, ends);
        }
        emit_repairs(ends);

        builder_.SetInsertPoint(turn_);
        for (const Instruction& i : *step_.block) {
            if (is_late(i) && !repair_needs_.contains(&i)) copy(i, ends);
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
        builder_.CreateCondBr(both(usual, is_step(after(next_k))), head_, ended, likely);
        k->addIncoming(next_k, turn_);
        for (std::size_t s = 0; s < states.size(); ++s) llvm::cast<PHINode>(states[s])->addIncoming(next[s], turn_);
        for (const Instruction* i : crossing_) llvm::cast<PHINode>(ends[i])->addIncoming(begins.lookup(i), turn_);
        order_loop(*head_, *turn_);

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

    // What the conditions and the code of repairs need of the step.
    void find_repairs() {
        for (const auto& test : step_.speculation->repairs) {
            add_with_operands(test.holds, step_.block, repair_needs_);
        }
        if (step_.speculation->repairs.empty()) return;
        for_each_repair_block([&](llvm::BasicBlock& b) {
            for (const Instruction& i : b) {
                for (const Value* operand : i.operand_values()) add_with_operands(operand, step_.block, repair_needs_);
            }
        });
    }
    template <class Visit>
    void for_each_repair_block(Visit visit) {
        for (auto b = step_.repair->getIterator();; ++b) {
            if (&*b != step_.block) visit(*b);
            if (&*b == step_.speculation->repair) break;
        }
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

    // Repairs come before the turn that ends their step. So what uses them belongs to that turn, and so do their conditions.
    InstructionSet must_be_late() {
        InstructionSet late;
        for (const Instruction* choice : step_.speculation->repaired) {
            late.insert(choice);
            for (const Value* operand : choice->operand_values()) {
                if (const auto* load = llvm::dyn_cast<llvm::LoadInst>(operand)) late.insert(load);
            }
        }
        for (const Instruction& i : *step_.block) {
            const bool follows = std::any_of(i.value_op_begin(), i.value_op_end(), [&](const Value* operand) {
                const auto* before = llvm::dyn_cast<Instruction>(operand);
                return before != nullptr && late.contains(before);
            });
            if (follows) late.insert(&i);
        }
        for (const Instruction& i : std::views::reverse(*step_.block)) {
            const auto for_repairs = [&](const llvm::User* u) {
                const auto* user = llvm::cast<Instruction>(u);
                return user->getParent() != step_.block || late.contains(user);
            };
            if (repair_needs_.contains(&i) && std::all_of(i.user_begin(), i.user_end(), for_repairs)) late.insert(&i);
        }
        return late;
    }

    void find_early() {
        const InstructionSet late = must_be_late();
        std::vector<bool> bound;
        std::vector<const Instruction*> nodes;
        for (const Instruction& i : *step_.block) {
            if (llvm::isa<PHINode>(i)) continue;
            nodes.push_back(&i);
            bound.push_back(late.contains(&i));
        }
        std::vector<Carried> carried;
        for (std::size_t s = 0; s < step_.states.size(); ++s) carried.emplace_back(step_.states[s], step_.next[s]);
        const auto early = early_part(*step_.block, carried, bound);
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
        auto* phi = PHINode::Create(initial->getType(), 2, "", head_->getFirstNonPHIIt());
        phi->addIncoming(initial, from);
        return phi;
    }

    // i1: whether all tests passed that the step which begins has made, and those of the step which ends.
    Value* all_usual(Map& begins, Map* ends) {
        const auto conditions = [&](const Speculation& speculation) {
            std::vector<Value*> all(speculation.pieces);
            for (const auto& test : speculation.tests) {
                const auto* i = llvm::dyn_cast<Instruction>(test.holds);
                const bool early =
                    i == nullptr || i->getParent() != step_.block || early_.contains(i) || shared_values_.contains(i);
                if (!early && ends == nullptr) continue;
                Value* holds = mapped(test.holds, early ? begins : *ends);
                Value*& so_far = all[test.piece];
                so_far = so_far == nullptr ? holds : builder_.CreateAnd(so_far, holds);
            }
            std::erase(all, nullptr);
            return all;
        };
        Value* of_lanes = lanes_.all_set(conditions(*step_.speculation));
        return builder_.CreateAnd(of_lanes, shared_.all_set(conditions(*step_.shared)));
    }
    Value* nothing_to_repair(Map& map) {
        std::vector<Value*> all(step_.speculation->pieces);
        for (const auto& test : step_.speculation->repairs) {
            Value*& so_far = all[test.piece];
            Value* holds = mapped(test.holds, map);
            so_far = so_far == nullptr ? holds : builder_.CreateAnd(so_far, holds);
        }
        return lanes_.all_set(all);
    }

    // Ends the head of the loop.
    void emit_repairs(Map& map) {
        if (step_.speculation->repairs.empty()) {
            builder_.CreateBr(turn_);
            return;
        }
        auto* likely = llvm::MDBuilder(builder_.getContext()).createBranchWeights(1 << 16, 1);
        builder_.CreateCondBr(nothing_to_repair(map), turn_, step_.repair, likely);
        for_each_repair_block([&](llvm::BasicBlock& b) {
            for (Instruction& i : b)
                llvm::RemapInstruction(&i, map, llvm::RF_NoModuleLevelChanges | llvm::RF_IgnoreMissingLocals);
        });
        builder_.SetInsertPoint(step_.speculation->repair);
        builder_.CreateBr(turn_);
    }

    void remove_step() const {
        while (!step_.block->empty()) {
            Instruction& last = step_.block->back();
            last.replaceAllUsesWith(llvm::PoisonValue::get(last.getType()));
            last.eraseFromParent();
        }
        step_.block->eraseFromParent();
        if (step_.speculation->repairs.empty()) step_.repair->eraseFromParent();
    }

    const IrEmitter& lanes_;
    const IrEmitter& shared_;
    const StepCode& step_;
    Value* last_step_;
    llvm::IRBuilder<>& builder_;
    InstructionSet repair_needs_, shared_values_, early_;
    std::vector<const Instruction*> crossing_;
    llvm::BasicBlock* head_ = nullptr;
    llvm::BasicBlock* turn_ = nullptr;
};

}  // namespace

SpeculativeLoop make_speculative_loop(const IrEmitter& lanes, const IrEmitter& shared, const StepCode& step,
                                      Value* last_step) {
    return Maker(lanes, shared, step, last_step).make();
}

}  // namespace spikesmith::codegen
