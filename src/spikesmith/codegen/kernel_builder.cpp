#include "spikesmith/codegen/kernel_builder.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <variant>

#include <llvm/IR/Verifier.h>
#include <llvm/Support/raw_ostream.h>

#include "spikesmith/codegen/kernel_fields.hpp"
#include "spikesmith/codegen/program_analysis.hpp"
#include "spikesmith/codegen/speculative_loop.hpp"
#include "spikesmith/math/philox.hpp"
#include "spikesmith/numerics/adaptive_trial.hpp"
#include "spikesmith/numerics/apply.hpp"
#include "spikesmith/numerics/matrix_exponential.hpp"

namespace spikesmith::codegen {
namespace {

using llvm::Value;

// Compiled code calls this for each lane; entries of a lane are `stride` apart.
template <class Float>
void lane_matrix_exponential(std::int64_t n, std::int64_t stride, const Float* matrix, Float* result) noexcept {
    const auto size = static_cast<std::size_t>(n * n);
    std::vector<double> in(size), out(size);
    for (std::size_t k = 0; k < size; ++k) in[k] = static_cast<double>(matrix[k * static_cast<std::size_t>(stride)]);
    matrix_exponential(static_cast<int>(n), in.data(), out.data());
    for (std::size_t k = 0; k < size; ++k) result[k * static_cast<std::size_t>(stride)] = static_cast<Float>(out[k]);
}

double lane_poisson(double lambda, std::uint64_t seed, std::uint32_t step, std::uint32_t sample, std::uint32_t trace,
                    std::uint32_t site) noexcept {
    return math::poisson_at(lambda, seed, step, sample, trace, site);
}

// An attempt at usual steps that ends sooner costs more than it gained.
constexpr std::size_t worthwhile_attempt = 8;
constexpr std::size_t most_patience = 512;  // steps without another attempt

template <class Float>
class KernelBuilder {
  public:
    using Vector = IrOperations<Float>;
    using Scalar = IrOperations<double>;  // values that all lanes share are computed in double precision
    using Real = IrEmitter::Real;
    using Bool = IrEmitter::Bool;
    using Word = IrEmitter::Word;
    using PieceValue = std::variant<Real, Bool>;

    KernelBuilder(const UpdateProgram& program, const KernelOptions& options, VectorShape shape,
                  llvm::Function* function, FunctionTable& functions)
        : program_(program),
          options_(options),
          function_(function),
          functions_(functions),
          builder_(llvm::BasicBlock::Create(function->getContext(), "entry", function)),
          vector_(builder_, shape, functions, function->getArg(1)),
          scalar_(builder_, VectorShape{}, functions, function->getArg(1)),
          fields_(read_fields(builder_, function->getArg(0))),
          slots_(program.step.size()),
          variations_(variations_of(program)),
          live_(live_values(program, options.record_outputs, options.record_spikes)),
          // Fewer than 32 registers do not hold what two steps at once need (measured: bench/kernel_bench.cpp).
          speculates_(shape.avx512 && worth_speculating(program, live_, variations_)) {}

    void build() {
        read_time_inputs();
        auto* entry = builder_.GetInsertBlock();
        auto* tile = block("tile");
        auto* tile_end = block("tile_end");
        auto* done = block("done");
        Value* any_lane = builder_.CreateICmpSGT(fields_.lanes, i64(0));
        Value* any_step = builder_.CreateICmpSLT(fields_.first_step, fields_.last_step);
        builder_.CreateCondBr(builder_.CreateAnd(any_lane, any_step), tile, done);

        builder_.SetInsertPoint(tile);
        auto* first_lane = builder_.CreatePHI(builder_.getInt64Ty(), 2, "first_lane");
        first_lane->addIncoming(i64(0), entry);
        first_lane_ = first_lane;
        emit(false);
        std::vector<Real> before;
        before.reserve(program_.states.size());
        for (std::size_t s = 0; s < program_.states.size(); ++s)
            before.push_back(vector_.load(lane_address(fields_.states, s)));
        const Turn first{builder_.GetInsertBlock(), fields_.first_step, before};
        const auto last = speculates_ ? emit_speculative_steps(first, tile_end) : emit_steps(first, tile_end);

        builder_.SetInsertPoint(tile_end);
        std::vector<Real> after = phis(last.front().states, last.front().from);
        for (std::size_t n = 1; n < last.size(); ++n) add_incoming(after, last[n].states, last[n].from);
        for (std::size_t s = 0; s < after.size(); ++s) vector_.store(after[s], lane_address(fields_.states, s));
        Value* next_lane = builder_.CreateAdd(first_lane, i64(static_cast<std::size_t>(vector_.shape().lanes())));
        first_lane->addIncoming(next_lane, tile_end);
        builder_.CreateCondBr(builder_.CreateICmpSLT(next_lane, fields_.lanes), tile, done);
        builder_.SetInsertPoint(done);
        builder_.CreateRetVoid();
    }

  private:
    struct Slot {
        std::optional<PieceValue> vector;
        std::optional<PieceValue> scalar;
    };

    // What leads into a step: the block it comes from, the step and the states before it.
    struct Turn {
        llvm::BasicBlock* from;
        Value* k;
        std::vector<Real> states;
    };
    struct Loop {
        llvm::BasicBlock* block;
        llvm::PHINode* k;
        std::vector<Real> states;
    };

    // Begins a loop over steps and goes there.
    Loop enter_loop(const char* name, const Turn& turn) {
        Loop loop{.block = block(name), .k = nullptr, .states = {}};
        builder_.CreateBr(loop.block);
        builder_.SetInsertPoint(loop.block);
        loop.k = builder_.CreatePHI(builder_.getInt64Ty(), 3, "k");
        loop.k->addIncoming(turn.k, turn.from);
        loop.states = phis(turn.states, turn.from);
        return loop;
    }
    void add_turn(const Loop& loop, const Turn& turn) {
        loop.k->addIncoming(turn.k, turn.from);
        add_incoming(loop.states, turn.states, turn.from);
    }

    // Emits a step; what follows from it, but for the block it ends in.
    Turn emit_step(const Loop& loop) {
        k_ = step_at(loop.k);
        k_real_ = builder_.CreateSIToFP(k_, builder_.getDoubleTy());
        states_ = loop.states;
        emit(true);
        Turn next{.from = nullptr, .k = builder_.CreateAdd(loop.k, i64(1)), .states = {}};
        next.states.reserve(program_.states.size());
        for (const auto& state : program_.states) next.states.push_back(real_operand(vector_, state.next));
        if (options_.record_outputs) store_outputs();
        return next;
    }
    [[nodiscard]] bool records_spikes() const { return options_.record_spikes && program_.spike != no_value; }
    Value* is_step(Value* k) { return builder_.CreateICmpSLT(k, fields_.last_step); }

    // The turns that leave the loop, for `done`.
    std::vector<Turn> emit_steps(const Turn& first, llvm::BasicBlock* done) {
        const Loop loop = enter_loop("steps", first);
        Turn next = emit_step(loop);
        if (records_spikes()) append_spikes();
        next.from = builder_.GetInsertBlock();
        add_turn(loop, next);
        builder_.CreateCondBr(is_step(next.k), loop.block, done);
        return {next};
    }

    // A loop that takes every case for the usual one. Where a lane turns out to need more, or spikes, code that does everything goes
    // on from the states before, for a while: longer each time this happens again at once.
    std::vector<Turn> emit_speculative_steps(const Turn& first, llvm::BasicBlock* done) {
        const SpeculativeLoop usual = emit_usual_steps(first);
        auto* unusual = block("unusual");
        builder_.SetInsertPoint(usual.begin, usual.begin->getFirstNonPHIIt());
        auto* patience = builder_.CreatePHI(builder_.getInt64Ty(), 2, "patience");
        builder_.SetInsertPoint(first.from);
        builder_.CreateBr(usual.begin);
        patience->addIncoming(i64(1), first.from);
        begin_attempts(usual, first);

        builder_.SetInsertPoint(unusual);
        Turn rest{.from = unusual, .k = builder_.CreatePHI(builder_.getInt64Ty(), 2), .states = first.states};
        for (Real& state : rest.states) {
            for (std::size_t p = 0; p < pieces(); ++p)
                state.piece[p] = builder_.CreatePHI(state.piece[p]->getType(), 2);
        }
        for (const auto& exit : usual.exits) {
            llvm::cast<llvm::PHINode>(rest.k)->addIncoming(exit.k, exit.from);
            for (std::size_t n = 0; n < exit.states.size(); ++n)
                llvm::cast<llvm::PHINode>(rest.states[n / pieces()].piece[n % pieces()])
                    ->addIncoming(exit.states[n], exit.from);
            llvm::BranchInst::Create(unusual, exit.from);
        }
        Value* at_once = builder_.CreateICmpSLT(builder_.CreateSub(rest.k, usual.k), i64(worthwhile_attempt));
        Value* twice =
            builder_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, builder_.CreateShl(patience, 1), i64(most_patience));
        Value* longer = builder_.CreateSelect(at_once, twice, i64(1));
        Value* resume = builder_.CreateAdd(rest.k, longer);

        const Loop exact = enter_loop("exact", rest);
        Turn next = emit_step(exact);
        if (records_spikes()) append_spikes();
        next.from = builder_.GetInsertBlock();
        Turn back = next;
        back.from = block("exact_again");
        builder_.CreateCondBr(is_step(next.k), back.from, done);
        builder_.SetInsertPoint(back.from);
        builder_.CreateCondBr(builder_.CreateICmpSLT(next.k, resume), exact.block, usual.begin);
        add_turn(exact, back);
        patience->addIncoming(longer, back.from);
        begin_attempts(usual, back);
        return {next};
    }

    void begin_attempts(const SpeculativeLoop& loop, const Turn& turn) {
        loop.k->addIncoming(turn.k, turn.from);
        for (std::size_t n = 0; n < loop.states.size(); ++n)
            loop.states[n]->addIncoming(turn.states[n / pieces()].piece[n % pieces()], turn.from);
    }

    SpeculativeLoop emit_usual_steps(const Turn& like) {
        Loop loop{.block = block("step"), .k = nullptr, .states = like.states};
        builder_.SetInsertPoint(loop.block);
        StepCode code{.block = loop.block};
        code.k = loop.k = builder_.CreatePHI(builder_.getInt64Ty(), 0, "k");
        for (Real& state : loop.states) {
            for (std::size_t p = 0; p < pieces(); ++p) {
                code.states.push_back(builder_.CreatePHI(state.piece[p]->getType(), 0));
                state.piece[p] = code.states.back();
            }
        }
        Speculation lanes{.pieces = pieces(), .tests = {}}, shared;
        vector_.speculate(&lanes);
        scalar_.speculate(&shared);
        const Turn next = emit_step(loop);
        if (records_spikes()) vector_.expect_not(as_boolean(vector_, operand(vector_, program_.spike)));
        vector_.speculate(nullptr);
        scalar_.speculate(nullptr);
        for (const Real& state : next.states) {
            for (std::size_t p = 0; p < pieces(); ++p) code.next.push_back(state.piece[p]);
        }
        code.speculation = &lanes;
        code.shared = &shared;
        function_->addFnAttr(keeps_order);
        return make_speculative_loop(vector_, scalar_, code, fields_.last_step);
    }

    llvm::BasicBlock* block(const char* name) {
        return llvm::BasicBlock::Create(function_->getContext(), name, function_);
    }
    Value* i64(std::size_t n) { return builder_.getInt64(n); }

    // The loop counts from the first step to the last, also where the steps go backwards.
    Value* step_at(Value* count) {
        if (!options_.backwards) return count;
        Value* last = builder_.CreateSub(fields_.last_step, i64(1));
        return builder_.CreateSub(builder_.CreateAdd(fields_.first_step, last), count);
    }

    void read_time_inputs() {
        for (std::size_t input = 0; input < program_.time_inputs.size(); ++input) {
            Value* first = builder_.CreateLoad(
                builder_.getPtrTy(),
                builder_.CreateConstInBoundsGEP1_64(builder_.getPtrTy(), fields_.time_inputs, input));
            time_inputs_.push_back(
                builder_.CreateGEP(builder_.getDoubleTy(), first, builder_.CreateNeg(fields_.first_time_row)));
        }
    }

    // Emits the values that vary in time, or those that do not.
    void emit(bool in_time) {
        std::vector<bool> emitted(program_.step.size()), groupable(program_.step.size());
        for (std::size_t id = 0; id < emitted.size(); ++id) {
            const Instruction& i = program_.step[id];
            emitted[id] = live_[id] && !is_number(i) && variations_[id].time == in_time;
            // not exprel: where one lane needs its other branch, all of the group would take it
            groupable[id] = emitted[id] && variations_[id].lane && is_elementary_function(i) && !is_random(i.op) &&
                            arity(i.op) == 1 && i.op != Op::exprel && i.op != Op::exprel_near_0;
        }
        // As many chains of operations as registers hold.
        const std::size_t most_pieces = vector_.shape().avx512 ? 8 : 4;
        for (const auto& group :
             emission_order(program_, emitted, groupable, std::max<std::size_t>(1, most_pieces / pieces()))) {
            if (group.size() > 1) {
                emit_together(group);
                continue;
            }
            const Instruction& instruction = program_.step[index_of(group.front())];
            Slot& slot = slots_[index_of(group.front())];
            if (variations_[index_of(group.front())].lane) {
                slot.vector = value_of(vector_, instruction);
                continue;
            }
            slot.scalar = value_of(scalar_, instruction);
            const bool boolean = slot.scalar->index() == 1;
            if (boolean)
                slot.vector = truth(vector_.broadcast_bool(std::get<1>(*slot.scalar).piece[0]));
            else
                slot.vector = real(vector_.broadcast_real(std::get<0>(*slot.scalar).piece[0]));
        }
    }

    // Calls of one function as one call on more pieces.
    void emit_together(const std::vector<ValueId>& group) {
        VectorShape shape = vector_.shape();
        shape.pieces *= static_cast<int>(group.size());
        Vector wide(builder_, shape, functions_, function_->getArg(1));
        wide.speculate(vector_.speculation());
        Real arguments;
        for (std::size_t g = 0; g < group.size(); ++g) {
            const Real argument = real_operand(vector_, program_.step[index_of(group[g])].args[0]);
            std::copy_n(argument.piece.begin(), pieces(),
                        arguments.piece.begin() + static_cast<std::ptrdiff_t>(g * pieces()));
        }
        const PieceValue unused = real(arguments);
        const Real results = as_real(
            wide, apply_operation(wide, program_.step[index_of(group.front())].op, real(arguments), unused, unused));
        for (std::size_t g = 0; g < group.size(); ++g) {
            Real result;
            std::copy_n(results.piece.begin() + static_cast<std::ptrdiff_t>(g * pieces()), pieces(),
                        result.piece.begin());
            slots_[index_of(group[g])].vector = real(result);
        }
    }

    static PieceValue real(Real value) { return PieceValue(std::in_place_index<0>, value); }
    static PieceValue truth(Bool value) { return PieceValue(std::in_place_index<1>, value); }

    // A value of the step's code in the form that `b` works on: one per lane, or one for all.
    template <class B>
    PieceValue operand(const B& b, ValueId id) const {
        const Instruction& instruction = program_.step.at(index_of(id));
        if (is_number(instruction)) return real(b.real(instruction.number));
        const Slot& slot = slots_[index_of(id)];
        return is_vector(b) ? slot.vector.value() : slot.scalar.value();
    }
    template <class B>
    Real real_operand(const B& b, ValueId id) const {
        return as_real(b, operand(b, id));
    }
    [[nodiscard]] bool is_vector(const IrEmitter& b) const { return &b == static_cast<const IrEmitter*>(&vector_); }

    template <class B>
    PieceValue value_of(const B& b, const Instruction& instruction) {
        return value_of(b, instruction, [&](ValueId id) { return operand(b, id); });
    }

    // `operand_of` gives earlier values of the code that the instruction stands in.
    template <class B, class Operand>
    PieceValue value_of(const B& b, const Instruction& i, const Operand& operand_of) {
        const auto argument = [&](std::size_t n) {
            return i.args[n] == no_value ? real(b.real(0)) : operand_of(i.args[n]);
        };
        switch (i.source) {
            case Source::operation:
                if (is_random(i.op)) {
                    return real(random_draw(
                        i, i.args[0] == no_value ? std::nullopt : std::optional<Real>(as_real(b, argument(0)))));
                }
                return apply_operation(b, i.op, argument(0), argument(1), argument(2));
            case Source::fused:
                return real(b.fma(as_real(b, argument(0)), as_real(b, argument(1)), as_real(b, argument(2))));
            case Source::parameter:
                return real(b.load(lane_address(fields_.parameters, static_cast<std::size_t>(i.index))));
            case Source::state:
                return real(states_.at(static_cast<std::size_t>(i.index)));
            case Source::time_input:
                return real(b.broadcast_real(time_input(i.index)));
            case Source::time: {
                Value* steps = i.number == 0 ? k_real_ : builder_.CreateFAdd(k_real_, float64(i.number));
                return real(b.broadcast_real(builder_.CreateFMul(steps, float64(program_.dt))));
            }
            case Source::step_index:
                return real(b.broadcast_real(k_real_));
            case Source::lane_index: {
                Value* sample = builder_.CreateAdd(fields_.sample, first_lane_);
                Value* first = builder_.CreateAdd(builder_.CreateMul(sample, fields_.n_traces), fields_.trace);
                return real(b.counting_real(first, fields_.n_traces));
            }
            case Source::lane_count: {
                Value* count = builder_.CreateMul(fields_.n_samples, fields_.n_traces);
                return real(b.broadcast_real(builder_.CreateSIToFP(count, builder_.getDoubleTy())));
            }
            case Source::iteration:
                return real(b.broadcast_real(fields_.iteration));
            case Source::matrix_exponential:
                return real(matrix_entry(b, i.args[0], i.index));
            case Source::adaptive:
                if (adaptive_result_.empty()) solve_adaptively();
                return real(adaptive_result_.at(static_cast<std::size_t>(i.index)));
            case Source::recorded:
                return real(b.load(step_address(fields_.recorded, static_cast<std::size_t>(program_.n_recorded),
                                                static_cast<std::size_t>(i.index))));
            case Source::outer:
                return operand(b, i.args[0]);
            case Source::solver_state:
                return real(solver_states_.at(static_cast<std::size_t>(i.index)));
            case Source::solver_time:
                return real(solver_time_);
        }
        throw std::logic_error("not an instruction of a step");
    }

    Value* float64(double value) { return llvm::ConstantFP::get(builder_.getDoubleTy(), value); }

    Value* time_input(std::int32_t index) {
        Value* place = builder_.CreateGEP(builder_.getDoubleTy(), time_inputs_.at(index_of(index)), k_);
        return builder_.CreateLoad(builder_.getDoubleTy(), place);
    }

    // Address of the tile's first lane in row `row` of a [rows][lanes] array.
    Value* lane_address(Value* array, Value* row) {
        Value* place = builder_.CreateAdd(builder_.CreateMul(row, fields_.lanes), first_lane_);
        return builder_.CreateInBoundsGEP(vector_.scalar_type(), array, place);
    }
    Value* lane_address(Value* array, std::size_t row) { return lane_address(array, i64(row)); }

    // Row `row` of step k in a [steps][rows][lanes] array that begins with the first step.
    Value* step_address(Value* array, std::size_t rows, std::size_t row) {
        Value* first_row = builder_.CreateMul(builder_.CreateSub(k_, fields_.first_step), i64(rows));
        return lane_address(array, builder_.CreateAdd(first_row, i64(row)));
    }

    // Values that a loop carries round.
    template <class T>
    T phi(const T& initial, llvm::BasicBlock* from) {
        T result;
        for (std::size_t p = 0; p < pieces(); ++p) {
            auto* node = builder_.CreatePHI(initial.piece[p]->getType(), 2);
            node->addIncoming(initial.piece[p], from);
            result.piece[p] = node;
        }
        return result;
    }
    std::vector<Real> phis(const std::vector<Real>& initial, llvm::BasicBlock* from) {
        std::vector<Real> result;
        result.reserve(initial.size());
        for (const Real& value : initial) result.push_back(phi(value, from));
        return result;
    }
    template <class T>
    void add_incoming(const T& phi, const T& value, llvm::BasicBlock* from) {
        for (std::size_t p = 0; p < pieces(); ++p)
            llvm::cast<llvm::PHINode>(phi.piece[p])->addIncoming(value.piece[p], from);
    }
    void add_incoming(const std::vector<Real>& phis, const std::vector<Real>& values, llvm::BasicBlock* from) {
        for (std::size_t s = 0; s < phis.size(); ++s) add_incoming(phis[s], values[s], from);
    }
    [[nodiscard]] std::size_t pieces() const { return static_cast<std::size_t>(vector_.shape().pieces); }

    void store_outputs() {
        for (std::size_t o = 0; o < program_.outputs.size(); ++o) {
            vector_.store(real_operand(vector_, program_.outputs[o].value),
                          step_address(fields_.outputs, program_.outputs.size(), o));
        }
    }

    // Appends k to the list of each lane that spiked; counts on when the list is full.
    void append_spikes() {
        auto* word = builder_.getInt32Ty();
        Value* beyond = vector_.stack(word, 1);  // where steps go that the list has no room for
        Value* k = builder_.CreateTrunc(k_, word);
        vector_.for_lanes_where(as_boolean(vector_, operand(vector_, program_.spike)), [&](Value* lane_in_tile) {
            Value* lane = builder_.CreateAdd(first_lane_, lane_in_tile);
            Value* count_place = builder_.CreateInBoundsGEP(word, fields_.spike_counts, lane);
            Value* count = builder_.CreateLoad(word, count_place);
            Value* position = builder_.CreateSExt(count, builder_.getInt64Ty());
            Value* in_list = builder_.CreateAdd(builder_.CreateMul(lane, fields_.spike_capacity), position);
            Value* room = builder_.CreateICmpSLT(position, fields_.spike_capacity);
            builder_.CreateStore(
                k, builder_.CreateSelect(room, builder_.CreateGEP(word, fields_.spike_steps, in_list), beyond));
            builder_.CreateStore(builder_.CreateAdd(count, builder_.getInt32(1)), count_place);
        });
    }

    // exp(A) of each lane by a call; A and the result lie in memory as [n*n][lanes] doubles.
    template <class B>
    Real matrix_entry(const B& b, std::int32_t call, std::int32_t entry) {
        const auto& matrix = program_.matrix_exponentials.at(static_cast<std::size_t>(call));
        const auto lanes = static_cast<std::size_t>(b.shape().lanes());
        Value*& results = matrix_results_.try_emplace(call, nullptr).first->second;
        const auto place = [&](Value* memory, std::size_t k) {
            return builder_.CreateConstInBoundsGEP1_64(b.scalar_type(), memory, k * lanes);
        };
        if (results == nullptr) {
            Value* entries = b.stack(b.scalar_type(), matrix.entries.size() * lanes);
            results = b.stack(b.scalar_type(), matrix.entries.size() * lanes);
            for (std::size_t k = 0; k < matrix.entries.size(); ++k)
                b.store(real_operand(b, matrix.entries[k]), place(entries, k));
            auto* signature = llvm::FunctionType::get(
                builder_.getVoidTy(),
                {builder_.getInt64Ty(), builder_.getInt64Ty(), builder_.getPtrTy(), builder_.getPtrTy()}, false);
            Value* address = b.function_address(
                b.single ? reinterpret_cast<FunctionTable::Function>(&lane_matrix_exponential<float>)
                         : reinterpret_cast<FunctionTable::Function>(&lane_matrix_exponential<double>));
            b.for_all_lanes([&](Value* lane) {
                builder_.CreateCall(signature, address,
                                    {i64(static_cast<std::size_t>(matrix.n)), i64(lanes),
                                     builder_.CreateInBoundsGEP(b.scalar_type(), entries, lane),
                                     builder_.CreateInBoundsGEP(b.scalar_type(), results, lane)});
            });
        }
        return b.load(place(results, static_cast<std::size_t>(entry)));
    }

    // Streams are keyed by place, so lanes draw what the interpreter draws.
    Real random_draw(const Instruction& i, const std::optional<Real>& argument) {
        auto* word = builder_.getInt32Ty();
        Value* step = builder_.CreateTrunc(k_, word);
        Value* before_tile = builder_.CreateMul(first_lane_, fields_.random_stride);
        Value* first_sample = builder_.CreateTrunc(builder_.CreateAdd(fields_.random_sample, before_tile), word);
        Value* stride = builder_.CreateTrunc(fields_.random_stride, word);
        Value* trace = builder_.CreateTrunc(fields_.trace, word);
        const auto site = static_cast<std::uint32_t>(i.index);
        if (i.op == Op::poisson) return poisson_draw(argument.value(), step, first_sample, stride, trace, site);
        Value* seed_low = builder_.CreateTrunc(fields_.seed, word);
        Value* seed_high = builder_.CreateTrunc(builder_.CreateLShr(fields_.seed, 32), word);
        const math::Words<Vector> counter{vector_.broadcast_word(step), vector_.counting_word(first_sample, stride),
                                          vector_.broadcast_word(trace), vector_.word(site)};
        const math::KeyWords<Vector> key{vector_.broadcast_word(seed_low), vector_.broadcast_word(seed_high)};
        return i.op == Op::uniform ? math::uniform(vector_, counter, key) : math::normal(vector_, counter, key);
    }

    // A call for each lane.
    Real poisson_draw(Real mean, Value* step, Value* first_sample, Value* stride, Value* trace, std::uint32_t site) {
        const auto lanes = static_cast<std::uint64_t>(vector_.shape().lanes());
        auto* type = vector_.scalar_type();
        auto* float64_type = builder_.getDoubleTy();
        auto* word = builder_.getInt32Ty();
        Value* memory = vector_.stack(type, lanes);
        vector_.store(mean, memory);
        auto* signature =
            llvm::FunctionType::get(float64_type, {float64_type, builder_.getInt64Ty(), word, word, word, word}, false);
        Value* address = vector_.function_address(reinterpret_cast<FunctionTable::Function>(&lane_poisson));
        vector_.for_all_lanes([&](Value* lane) {
            Value* place = builder_.CreateInBoundsGEP(type, memory, lane);
            Value* lambda = builder_.CreateFPCast(builder_.CreateLoad(type, place), float64_type);
            Value* sample =
                builder_.CreateAdd(first_sample, builder_.CreateMul(builder_.CreateTrunc(lane, word), stride));
            Value* drawn = builder_.CreateCall(signature, address,
                                               {lambda, fields_.seed, step, sample, trace, builder_.getInt32(site)});
            builder_.CreateStore(builder_.CreateFPCast(drawn, type), place);
        });
        return vector_.load(memory);
    }

    // Repeats trial steps until every lane has reached the end of the step; lanes that are there keep what they have.
    void solve_adaptively() {
        const AdaptiveSolve& solve = program_.adaptive.value();
        const Real start_time = vector_.broadcast_real(builder_.CreateFMul(k_real_, float64(program_.dt)));
        std::vector<Real> start;
        start.reserve(solve.start.size());
        for (const ValueId s : solve.start) start.push_back(real_operand(vector_, s));
        auto* before = builder_.GetInsertBlock();
        auto* trial = block("trial");
        auto* solved = block("solved");
        builder_.CreateBr(trial);

        builder_.SetInsertPoint(trial);
        auto* trials = builder_.CreatePHI(builder_.getInt32Ty(), 2);
        trials->addIncoming(builder_.getInt32(0), before);
        using Progress = AdaptiveProgress<Vector>;
        Progress old = adaptive_start(vector_, solve, program_.dt, std::move(start), vector_.boolean(false));
        old = {.states = phis(old.states, before),
               .elapsed = phi(old.elapsed, before),
               .length = phi(old.length, before),
               .finished = phi(old.finished, before),
               .passed = phi(old.passed, before),
               .passage = phis(old.passage, before),
               .passage_length = phi(old.passage_length, before)};
        Progress next =
            try_adaptive_step(vector_, solve, program_.dt, old, [&](Real elapsed, const std::vector<Real>& states) {
                return rates(solve, vector_.add(start_time, elapsed), states);
            });
        const auto kept = [&](Real previous, Real value) { return vector_.select(old.finished, previous, value); };
        for (std::size_t s = 0; s < next.states.size(); ++s) next.states[s] = kept(old.states[s], next.states[s]);
        next.elapsed = kept(old.elapsed, next.elapsed);
        next.length = kept(old.length, next.length);
        next.finished = vector_.either(old.finished, next.finished);
        Value* tried = builder_.CreateAdd(trials, builder_.getInt32(1));
        Value* more = builder_.CreateAnd(
            vector_.any(vector_.negated(next.finished)),
            builder_.CreateICmpSLT(tried, builder_.getInt32(static_cast<std::uint32_t>(solve.max_steps))));
        auto* trial_end = builder_.GetInsertBlock();
        trials->addIncoming(tried, trial_end);
        add_incoming(old.states, next.states, trial_end);
        add_incoming(old.elapsed, next.elapsed, trial_end);
        add_incoming(old.length, next.length, trial_end);
        add_incoming(old.finished, next.finished, trial_end);
        add_incoming(old.passed, next.passed, trial_end);
        add_incoming(old.passage, next.passage, trial_end);
        add_incoming(old.passage_length, next.passage_length, trial_end);
        builder_.CreateCondBr(more, trial, solved);

        builder_.SetInsertPoint(solved);
        if (solve.max_steps <= 0) next.finished = next.passed = vector_.boolean(false);
        adaptive_result_ = adaptive_result(vector_, next, vector_.real(std::numeric_limits<double>::quiet_NaN()));
    }

    AdaptiveRates<Vector> rates(const AdaptiveSolve& solve, Real time, const std::vector<Real>& states) {
        solver_time_ = time;
        solver_states_ = states;
        std::vector<PieceValue> values;
        values.reserve(solve.code.size());
        for (const Instruction& instruction : solve.code) {
            if (is_number(instruction))
                values.push_back(real(vector_.real(instruction.number)));
            else
                values.push_back(value_of(vector_, instruction, [&](ValueId id) { return values.at(index_of(id)); }));
        }
        AdaptiveRates<Vector> result{.derivative = {}, .past_threshold = vector_.boolean(false)};
        result.derivative.reserve(solve.derivative.size());
        for (const ValueId d : solve.derivative) result.derivative.push_back(as_real(vector_, values.at(index_of(d))));
        if (solve.threshold != no_value)
            result.past_threshold = as_boolean(vector_, values.at(index_of(solve.threshold)));
        return result;
    }

    const UpdateProgram& program_;
    const KernelOptions& options_;
    llvm::Function* function_;
    FunctionTable& functions_;
    llvm::IRBuilder<> builder_;
    Vector vector_;
    Scalar scalar_;
    KernelFields fields_;
    std::vector<Slot> slots_;
    std::vector<Variation> variations_;
    std::vector<bool> live_;
    bool speculates_;
    std::vector<Value*> time_inputs_;  // where each would have its number of step 0
    Value* first_lane_ = nullptr;
    Value* k_ = nullptr;
    Value* k_real_ = nullptr;
    std::vector<Real> states_;
    std::vector<Real> adaptive_result_, solver_states_;
    Real solver_time_;
    std::map<std::int32_t, Value*> matrix_results_;  // of this call's matrix exponentials, in the kernel's stack
};

template <class Float>
void build(const UpdateProgram& program, const KernelOptions& options, VectorShape shape, llvm::Function* function,
           FunctionTable& functions) {
    KernelBuilder<Float>(program, options, shape, function, functions).build();
}

}  // namespace

BuiltKernel build_kernel(const UpdateProgram& program, const KernelOptions& options, const Target& target, bool named) {
    const bool single = options.precision == Precision::single_precision;
    VectorShape shape;
    // Scalar code in single precision advances as many lanes as the contract says: two per unit of interleave.
    shape.width = options.width == 1 ? 1 : options.width * (single ? 2 : 1);
    shape.pieces = options.interleave * (options.width == 1 && single ? 2 : 1);
    shape.avx512 = target.avx512;

    BuiltKernel built;
    built.lanes = shape.lanes();
    built.context = std::make_unique<llvm::LLVMContext>();
    built.context->setDiscardValueNames(!named);
    built.module = std::make_unique<llvm::Module>("spikesmith", *built.context);
    auto* pointer = llvm::PointerType::getUnqual(*built.context);
    auto* type = llvm::FunctionType::get(llvm::Type::getVoidTy(*built.context), {pointer, pointer}, false);
    auto* function = llvm::Function::Create(type, llvm::Function::ExternalLinkage, kernel_entry, *built.module);
    function->addFnAttr(llvm::Attribute::NoUnwind);
    // Registers are spilled to whole cache lines; LLVM would align the stack only for variables.
    function->addFnAttr("stackrealign");
    function->addFnAttr("target-cpu", target.cpu);
    function->addFnAttr("target-features", target.features);
    function->addFnAttr("prefer-vector-width", std::to_string(target.vector_bits));
    function->addFnAttr("min-legal-vector-width", std::to_string(target.vector_bits));
    for (unsigned a = 0; a < 2; ++a) {
        function->addParamAttr(a, llvm::Attribute::NoAlias);
        function->addParamAttr(a, llvm::Attribute::ReadOnly);
    }
    if (single)
        build<float>(program, options, shape, function, built.functions);
    else
        build<double>(program, options, shape, function, built.functions);
    return built;
}

}  // namespace spikesmith::codegen
