// IrOperations: the policy of `math/operations.hpp` that emits LLVM IR instead of computing.
//
// A value is a block of lanes held as `pieces` machine vectors of `width` lanes each (width 1: scalars). Every operation is
// emitted once per piece, side by side, so that independent instructions hide each other's latency. No fast-math flag is ever
// set and nothing is contracted but an explicit fma: the bits are those of ScalarOperations.
//
// For this room only; includes LLVM.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <llvm/IR/IRBuilder.h>

namespace spikesmith::codegen {

inline constexpr int max_pieces = 16;

struct VectorShape {
    int width = 1;   // lanes per piece
    int pieces = 1;  // machine vectors advanced together
    bool single = false;
    bool avx512 = false;  // the target has vscalef and mask registers
    [[nodiscard]] int lanes() const { return width * pieces; }
};

// Distinct types, so that overloads tell reals from conditions.
template <class Tag>
struct Pieces {
    std::array<llvm::Value*, max_pieces> piece{};
};

// Functions that compiled code calls, by number. The table travels beside the code, so the code holds no address.
class FunctionTable {
  public:
    using Function = void (*)();
    // The number of the function; a function that is known keeps its number.
    int number_of(Function function);
    [[nodiscard]] const std::vector<Function>& functions() const { return functions_; }

  private:
    std::vector<Function> functions_;
};

// What a step owes that was written as if every case were the usual one.
struct Speculation {
    struct Test {
        std::size_t piece;
        llvm::Value* holds;  // where the case is the usual one: a condition, without mask registers all-ones integers
    };
    std::size_t pieces = 1;
    std::vector<Test> tests;
};

class IrEmitter {
  public:
    using Real = Pieces<struct RealTag>;
    using Int = Pieces<struct IntTag>;
    using Bool = Pieces<struct BoolTag>;
    using Word = Pieces<struct WordTag>;

    // `table` is the kernel's argument that points to the addresses of `functions`.
    IrEmitter(llvm::IRBuilder<>& builder, VectorShape shape, FunctionTable& functions, llvm::Value* table);

    Real real(double v) const;
    Int integer(std::int64_t v) const;
    Real add(Real a, Real b) const;
    Real sub(Real a, Real b) const;
    Real mul(Real a, Real b) const;
    Real div(Real a, Real b) const;
    Real neg(Real a) const;
    Real abs(Real a) const;
    Real fma(Real a, Real b, Real c) const;
    Real sqrt(Real a) const;
    Real floor(Real a) const;
    Real ceil(Real a) const;
    Real trunc(Real a) const;
    Real round_even(Real a) const;
    Bool less(Real a, Real b) const;
    Bool less_equal(Real a, Real b) const;
    Bool equal(Real a, Real b) const;
    Bool not_equal(Real a, Real b) const;
    Bool is_nan(Real a) const;
    Real select(Bool c, Real a, Real b) const;
    Int select_int(Bool c, Int a, Int b) const;
    Bool both(Bool a, Bool b) const;
    Bool either(Bool a, Bool b) const;
    Bool negated(Bool a) const;
    Int bits(Real a) const;
    Real from_bits(Int a) const;
    Int int_add(Int a, Int b) const;
    Int int_sub(Int a, Int b) const;
    Int int_and(Int a, Int b) const;
    Int int_or(Int a, Int b) const;
    Int int_xor(Int a, Int b) const;
    Int shift_left(Int a, int n) const;
    Int shift_right(Int a, int n) const;
    Int shift_right_arithmetic(Int a, int n) const;
    Bool int_less(Int a, Int b) const;
    Bool int_equal(Int a, Int b) const;
    Int to_int(Real a) const;
    Real to_real(Int a) const;
    Real scale(Real x, Real n) const;
    Real scale_normal(Real x, Real n) const;
    Real scale_by_floor(Real x, Real n) const;
    Real eighths(Int k) const;
    Real rarely(Bool c, double (*function)(double), Real x, Real otherwise) const;
    Real rarely(Bool c, double (*function)(double, double), Real x, Real y, Real otherwise) const;
    template <class Special>
    Real seldom(Bool c, Real usual, Special special) const {
        return branch_if_any(c, usual, [&](Bool needed) { return select(needed, special(), usual); });
    }
    Word word(std::uint32_t v) const;
    Word word_add(Word a, Word b) const;
    Word word_xor(Word a, Word b) const;
    Word multiply_high(Word a, Word b) const;
    Word multiply_low(Word a, Word b) const;
    Int combine(Word high, Word low) const;

    // From here on every case counts as the usual one, and `speculation` says what is owed for that; null: as it was before.
    void speculate(Speculation* speculation) { speculation_ = speculation; }
    [[nodiscard]] Speculation* speculation() const { return speculation_; }
    // Adds a test while speculating.
    void expect_not(Bool unusual) const;
    // i1: whether all lanes are set in the conditions of all pieces, which are as Speculation has them.
    [[nodiscard]] llvm::Value* all_set(const std::vector<llvm::Value*>& conditions) const;
    // In each lane the least of the values' magnitudes; of a number and NaN the number. One operation (vrange) for each value but
    // the first with AVX-512.
    [[nodiscard]] llvm::Value* least_magnitude(llvm::ArrayRef<llvm::Value*> values) const;

    // What a kernel needs beyond the policy.
    [[nodiscard]] const VectorShape& shape() const { return shape_; }
    [[nodiscard]] llvm::IRBuilder<>& builder() const { return builder_; }
    [[nodiscard]] llvm::Type* scalar_type() const { return real_type_; }
    [[nodiscard]] llvm::Type* piece_type() const { return vector_of(real_type_); }
    [[nodiscard]] Bool boolean(bool v) const;
    [[nodiscard]] Real broadcast_real(llvm::Value* scalar) const;
    [[nodiscard]] Bool broadcast_bool(llvm::Value* scalar) const;
    [[nodiscard]] Word broadcast_word(llvm::Value* scalar) const;
    // `first + lane * stride` of 32-bit words.
    [[nodiscard]] Word counting_word(llvm::Value* first, llvm::Value* stride) const;
    // `first + lane * stride` of 64-bit integers as reals.
    [[nodiscard]] Real counting_real(llvm::Value* first, llvm::Value* stride) const;
    // Lanes side by side from / to memory that is aligned to one real.
    [[nodiscard]] Real load(llvm::Value* address) const;
    void store(Real value, llvm::Value* address) const;
    // Bit l of the i64 is lane l.
    [[nodiscard]] llvm::Value* mask(Bool c) const;
    // i1: whether the condition holds in any lane.
    [[nodiscard]] llvm::Value* any(Bool c) const;
    // Runs `body(i64 lane)` for each lane where the condition holds, in a block that is placed out of the way.
    void for_lanes_where(Bool c, llvm::function_ref<void(llvm::Value* lane)> body) const;
    // Runs `body(i64 lane)` for all lanes.
    void for_all_lanes(llvm::function_ref<void(llvm::Value* lane)> body) const;
    // Address of a function of the table.
    [[nodiscard]] llvm::Value* function_address(FunctionTable::Function function) const;
    // Memory on the kernel's stack for `count` values of `type`, aligned for vectors.
    [[nodiscard]] llvm::Value* stack(llvm::Type* type, std::uint64_t count) const;

  private:
    template <class R, class F, class... A>
    R each(F operation, const A&... arguments) const;
    [[nodiscard]] llvm::Type* vector_of(llvm::Type* scalar) const;
    [[nodiscard]] std::uint64_t first_lane(int piece) const {
        return static_cast<std::uint64_t>(piece) * static_cast<std::uint64_t>(shape_.width);
    }
    [[nodiscard]] llvm::Value* splat(llvm::Value* scalar) const;
    [[nodiscard]] llvm::Value* power_of_two(llvm::Value* n) const;
    [[nodiscard]] llvm::Value* eighths_of_piece(llvm::Value* k) const;
    [[nodiscard]] llvm::Value* scalef(llvm::Value* x, llvm::Value* n) const;
    // Arguments of AVX-512 intrinsics.
    [[nodiscard]] llvm::Value* all_lanes() const {
        return shape_.single ? builder_.getInt16(0xffff) : static_cast<llvm::Value*>(builder_.getInt8(0xff));
    }
    [[nodiscard]] llvm::Value* current_rounding() const { return builder_.getInt32(4); }
    // `usual` where no lane fulfils the condition, else what `other` emits in a block that is placed out of the way, where it must
    // use the condition it is handed.
    Real branch_if_any(Bool c, Real usual, llvm::function_ref<Real(Bool)> other) const;
    // A condition that is computed here and used in another block. Without mask registers it travels as a vector of all-ones or
    // all-zeros; as bits, LLVM would pack and unpack it on the usual path.
    [[nodiscard]] Int packed(Bool c) const;
    [[nodiscard]] Bool unpacked(Bool c, Int carried) const;
    Real call_rarely(Bool c, FunctionTable::Function function, llvm::ArrayRef<Real> arguments, Real otherwise) const;
    [[nodiscard]] llvm::Value* intrinsic(llvm::Intrinsic::ID id, llvm::ArrayRef<llvm::Value*> arguments) const;
    [[nodiscard]] llvm::Value* counting(llvm::Value* first, llvm::Value* stride, int piece) const;

    llvm::IRBuilder<>& builder_;
    VectorShape shape_;
    FunctionTable& functions_;
    llvm::Value* table_;
    llvm::Type* real_type_;
    llvm::Type* int_type_;
    Speculation* speculation_ = nullptr;
};

// The policy itself: `single` must be known when the templates of `math` are compiled.
template <class Float>
class IrOperations : public IrEmitter {
  public:
    static constexpr bool single = sizeof(Float) == sizeof(float);
    IrOperations(llvm::IRBuilder<>& builder, VectorShape shape, FunctionTable& functions, llvm::Value* table)
        : IrEmitter(builder, with_precision(shape), functions, table) {}

  private:
    static VectorShape with_precision(VectorShape shape) {
        shape.single = single;
        return shape;
    }
};

}  // namespace spikesmith::codegen
