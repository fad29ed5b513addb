#include "spikesmith/codegen/ir_operations.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

#include <llvm/IR/Constants.h>
#include <llvm/IR/DerivedTypes.h>
#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/IntrinsicsX86.h>
#include <llvm/IR/MDBuilder.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/PatternMatch.h>

#include "spikesmith/math/operations.hpp"

namespace spikesmith::codegen {

using llvm::Value;

int FunctionTable::number_of(Function function) {
    const auto known = std::find(functions_.begin(), functions_.end(), function);
    if (known != functions_.end()) return static_cast<int>(known - functions_.begin());
    functions_.push_back(function);
    return static_cast<int>(functions_.size()) - 1;
}

IrEmitter::IrEmitter(llvm::IRBuilder<>& builder, VectorShape shape, FunctionTable& functions, Value* table)
    : builder_(builder),
      shape_(shape),
      functions_(functions),
      table_(table),
      real_type_(shape.single ? builder.getFloatTy() : builder.getDoubleTy()),
      int_type_(shape.single ? builder.getInt32Ty() : builder.getInt64Ty()) {}

llvm::Type* IrEmitter::vector_of(llvm::Type* scalar) const {
    return shape_.width == 1 ? scalar : llvm::FixedVectorType::get(scalar, static_cast<unsigned>(shape_.width));
}

Value* IrEmitter::splat(Value* scalar) const {
    return shape_.width == 1 ? scalar : builder_.CreateVectorSplat(static_cast<unsigned>(shape_.width), scalar);
}

Value* IrEmitter::intrinsic(llvm::Intrinsic::ID id, llvm::ArrayRef<Value*> arguments) const {
    return builder_.CreateIntrinsic(arguments[0]->getType(), id, arguments);
}

// Where all pieces are equal (constants, broadcasts) the operation is emitted once.
template <class R, class F, class... A>
R IrEmitter::each(F operation, const A&... arguments) const {
    R result;
    const auto all_equal = [&](const auto& value) {
        return std::all_of(value.piece.begin(), value.piece.begin() + shape_.pieces,
                           [&](const Value* piece) { return piece == value.piece[0]; });
    };
    const bool uniform = (... && all_equal(arguments));
    for (int p = 0; p < shape_.pieces; ++p) {
        const auto i = static_cast<std::size_t>(p);
        result.piece[i] = uniform && p > 0 ? result.piece[0] : operation(arguments.piece[i]...);
    }
    return result;
}

// --- constants and broadcasts ---

IrEmitter::Real IrEmitter::real(double v) const {
    return broadcast_real(llvm::ConstantFP::get(real_type_, v));
}

IrEmitter::Int IrEmitter::integer(std::int64_t v) const {
    Int result;
    result.piece.fill(llvm::ConstantInt::get(vector_of(int_type_), static_cast<std::uint64_t>(v), true));
    return result;
}

IrEmitter::Bool IrEmitter::boolean(bool v) const {
    return broadcast_bool(builder_.getInt1(v));
}

IrEmitter::Word IrEmitter::word(std::uint32_t v) const {
    return broadcast_word(builder_.getInt32(v));
}

IrEmitter::Real IrEmitter::broadcast_real(Value* scalar) const {
    if (scalar->getType() != real_type_) scalar = builder_.CreateFPCast(scalar, real_type_);
    Real result;
    result.piece.fill(splat(scalar));
    return result;
}

IrEmitter::Bool IrEmitter::broadcast_bool(Value* scalar) const {
    Bool result;
    result.piece.fill(splat(scalar));
    return result;
}

IrEmitter::Word IrEmitter::broadcast_word(Value* scalar) const {
    Word result;
    result.piece.fill(splat(scalar));
    return result;
}

// first + (piece * width + lane) * stride, integers of the type of `first`.
Value* IrEmitter::counting(Value* first, Value* stride, int piece) const {
    auto* type = first->getType();
    std::vector<llvm::Constant*> lanes;
    lanes.reserve(static_cast<std::size_t>(shape_.width));
    for (int l = 0; l < shape_.width; ++l) {
        lanes.push_back(llvm::ConstantInt::get(type, first_lane(piece) + static_cast<std::uint64_t>(l)));
    }
    Value* numbers = shape_.width == 1 ? lanes[0] : static_cast<Value*>(llvm::ConstantVector::get(lanes));
    return builder_.CreateAdd(splat(first), builder_.CreateMul(numbers, splat(stride)));
}

IrEmitter::Word IrEmitter::counting_word(Value* first, Value* stride) const {
    Word result;
    for (int p = 0; p < shape_.pieces; ++p) {
        result.piece[static_cast<std::size_t>(p)] = counting(first, stride, p);
    }
    return result;
}

IrEmitter::Real IrEmitter::counting_real(Value* first, Value* stride) const {
    Real result;
    for (int p = 0; p < shape_.pieces; ++p) {
        result.piece[static_cast<std::size_t>(p)] = builder_.CreateSIToFP(counting(first, stride, p), piece_type());
    }
    return result;
}

// --- arithmetic ---

IrEmitter::Real IrEmitter::add(Real a, Real b) const {
    return each<Real>([&](Value* x, Value* y) { return builder_.CreateFAdd(x, y); }, a, b);
}
IrEmitter::Real IrEmitter::sub(Real a, Real b) const {
    return each<Real>([&](Value* x, Value* y) { return builder_.CreateFSub(x, y); }, a, b);
}
IrEmitter::Real IrEmitter::mul(Real a, Real b) const {
    return each<Real>([&](Value* x, Value* y) { return builder_.CreateFMul(x, y); }, a, b);
}
IrEmitter::Real IrEmitter::div(Real a, Real b) const {
    return each<Real>([&](Value* x, Value* y) { return builder_.CreateFDiv(x, y); }, a, b);
}
IrEmitter::Real IrEmitter::neg(Real a) const {
    return each<Real>([&](Value* x) { return builder_.CreateFNeg(x); }, a);
}
IrEmitter::Real IrEmitter::abs(Real a) const {
    return each<Real>([&](Value* x) { return intrinsic(llvm::Intrinsic::fabs, {x}); }, a);
}
IrEmitter::Real IrEmitter::fma(Real a, Real b, Real c) const {
    return each<Real>(
        [&](Value* x, Value* y, Value* z) {
            return intrinsic(llvm::Intrinsic::fma, {x, y, z});
        },
        a, b, c);
}
IrEmitter::Real IrEmitter::sqrt(Real a) const {
    return each<Real>([&](Value* x) { return intrinsic(llvm::Intrinsic::sqrt, {x}); }, a);
}
IrEmitter::Real IrEmitter::floor(Real a) const {
    return each<Real>([&](Value* x) { return intrinsic(llvm::Intrinsic::floor, {x}); }, a);
}
IrEmitter::Real IrEmitter::ceil(Real a) const {
    return each<Real>([&](Value* x) { return intrinsic(llvm::Intrinsic::ceil, {x}); }, a);
}
IrEmitter::Real IrEmitter::trunc(Real a) const {
    return each<Real>([&](Value* x) { return intrinsic(llvm::Intrinsic::trunc, {x}); }, a);
}
IrEmitter::Real IrEmitter::round_even(Real a) const {
    return each<Real>([&](Value* x) { return intrinsic(llvm::Intrinsic::nearbyint, {x}); }, a);
}

// --- comparisons and choice ---

IrEmitter::Bool IrEmitter::less(Real a, Real b) const {
    return each<Bool>([&](Value* x, Value* y) { return builder_.CreateFCmpOLT(x, y); }, a, b);
}
IrEmitter::Bool IrEmitter::less_equal(Real a, Real b) const {
    return each<Bool>([&](Value* x, Value* y) { return builder_.CreateFCmpOLE(x, y); }, a, b);
}
IrEmitter::Bool IrEmitter::equal(Real a, Real b) const {
    return each<Bool>([&](Value* x, Value* y) { return builder_.CreateFCmpOEQ(x, y); }, a, b);
}
IrEmitter::Bool IrEmitter::not_equal(Real a, Real b) const {
    return each<Bool>([&](Value* x, Value* y) { return builder_.CreateFCmpUNE(x, y); }, a, b);
}
IrEmitter::Bool IrEmitter::is_nan(Real a) const {
    return each<Bool>([&](Value* x) { return builder_.CreateFCmpUNO(x, x); }, a);
}
IrEmitter::Real IrEmitter::select(Bool c, Real a, Real b) const {
    return each<Real>([&](Value* x, Value* y, Value* z) { return builder_.CreateSelect(x, y, z); }, c, a, b);
}
IrEmitter::Int IrEmitter::select_int(Bool c, Int a, Int b) const {
    return each<Int>([&](Value* x, Value* y, Value* z) { return builder_.CreateSelect(x, y, z); }, c, a, b);
}
IrEmitter::Bool IrEmitter::both(Bool a, Bool b) const {
    return each<Bool>([&](Value* x, Value* y) { return builder_.CreateAnd(x, y); }, a, b);
}
IrEmitter::Bool IrEmitter::either(Bool a, Bool b) const {
    return each<Bool>([&](Value* x, Value* y) { return builder_.CreateOr(x, y); }, a, b);
}
IrEmitter::Bool IrEmitter::negated(Bool a) const {
    const auto complement = [&](Value* x) {
        Value* negated = nullptr;
        return llvm::PatternMatch::match(x, llvm::PatternMatch::m_Not(llvm::PatternMatch::m_Value(negated)))
                   ? negated
                   : builder_.CreateNot(x);
    };
    return each<Bool>(complement, a);
}

// --- bits and integers ---

IrEmitter::Int IrEmitter::bits(Real a) const {
    return each<Int>([&](Value* x) { return builder_.CreateBitCast(x, vector_of(int_type_)); }, a);
}
IrEmitter::Real IrEmitter::from_bits(Int a) const {
    return each<Real>([&](Value* x) { return builder_.CreateBitCast(x, piece_type()); }, a);
}
IrEmitter::Int IrEmitter::int_add(Int a, Int b) const {
    return each<Int>([&](Value* x, Value* y) { return builder_.CreateAdd(x, y); }, a, b);
}
IrEmitter::Int IrEmitter::int_sub(Int a, Int b) const {
    return each<Int>([&](Value* x, Value* y) { return builder_.CreateSub(x, y); }, a, b);
}
IrEmitter::Int IrEmitter::int_and(Int a, Int b) const {
    return each<Int>([&](Value* x, Value* y) { return builder_.CreateAnd(x, y); }, a, b);
}
IrEmitter::Int IrEmitter::int_or(Int a, Int b) const {
    return each<Int>([&](Value* x, Value* y) { return builder_.CreateOr(x, y); }, a, b);
}
IrEmitter::Int IrEmitter::int_xor(Int a, Int b) const {
    return each<Int>([&](Value* x, Value* y) { return builder_.CreateXor(x, y); }, a, b);
}
IrEmitter::Int IrEmitter::shift_left(Int a, int n) const {
    return each<Int>([&](Value* x) { return builder_.CreateShl(x, static_cast<std::uint64_t>(n)); }, a);
}
IrEmitter::Int IrEmitter::shift_right(Int a, int n) const {
    return each<Int>([&](Value* x) { return builder_.CreateLShr(x, static_cast<std::uint64_t>(n)); }, a);
}
IrEmitter::Int IrEmitter::shift_right_arithmetic(Int a, int n) const {
    return each<Int>([&](Value* x) { return builder_.CreateAShr(x, static_cast<std::uint64_t>(n)); }, a);
}
IrEmitter::Bool IrEmitter::int_less(Int a, Int b) const {
    return each<Bool>([&](Value* x, Value* y) { return builder_.CreateICmpSLT(x, y); }, a, b);
}
IrEmitter::Bool IrEmitter::int_equal(Int a, Int b) const {
    return each<Bool>([&](Value* x, Value* y) { return builder_.CreateICmpEQ(x, y); }, a, b);
}

// Through 32-bit integers, for which every target has a vector conversion.
IrEmitter::Int IrEmitter::to_int(Real a) const {
    const Real safe = select(less(abs(a), real(2147483648.0)), a, real(0));
    return each<Int>(
        [&](Value* x) {
            Value* n = builder_.CreateFPToSI(x, vector_of(builder_.getInt32Ty()));
            return builder_.CreateSExt(n, vector_of(int_type_));
        },
        safe);
}
IrEmitter::Real IrEmitter::to_real(Int a) const {
    return each<Real>(
        [&](Value* x) {
            Value* n = builder_.CreateTrunc(x, vector_of(builder_.getInt32Ty()));
            return builder_.CreateSIToFP(n, piece_type());
        },
        a);
}

// 2^n for an integer-valued n whose power is a normal number: adding 1.5 * 2^52 leaves n in the lowest bits.
Value* IrEmitter::power_of_two(Value* n) const {
    const double magic = shape_.single ? 12582912.0 + 127 : 6755399441055744.0 + 1023;
    Value* shifted = builder_.CreateFAdd(n, llvm::ConstantFP::get(n->getType(), magic));
    Value* exponent = builder_.CreateBitCast(shifted, vector_of(int_type_));
    return builder_.CreateBitCast(builder_.CreateShl(exponent, shape_.single ? 23 : 52), piece_type());
}

// vscalef of a piece; a scalar is the low lane of a 128-bit vector.
Value* IrEmitter::scalef(Value* x, Value* n) const {
    if (shape_.width == 1) {
        auto* vector = llvm::FixedVectorType::get(real_type_, shape_.single ? 4 : 2);
        Value* zero = llvm::Constant::getNullValue(vector);
        Value* a = builder_.CreateInsertElement(zero, x, std::uint64_t{0});
        Value* b = builder_.CreateInsertElement(zero, n, std::uint64_t{0});
        const auto id = shape_.single ? llvm::Intrinsic::x86_avx512_mask_scalef_ps_128
                                      : llvm::Intrinsic::x86_avx512_mask_scalef_pd_128;
        Value* scaled = builder_.CreateIntrinsic(id, {}, {a, b, zero, builder_.getInt8(0xff)});
        return builder_.CreateExtractElement(scaled, std::uint64_t{0});
    }
    const auto id =
        shape_.single ? llvm::Intrinsic::x86_avx512_mask_scalef_ps_512 : llvm::Intrinsic::x86_avx512_mask_scalef_pd_512;
    return builder_.CreateIntrinsic(
        id, {}, {x, n, llvm::Constant::getNullValue(piece_type()), all_lanes(), current_rounding()});
}

IrEmitter::Real IrEmitter::scale(Real x, Real n) const {
    if (shape_.avx512) return each<Real>([&](Value* value, Value* power) { return scalef(value, power); }, x, n);
    // Two factors, because 2^n itself may overflow or be subnormal; only the second product rounds.
    const Real half = round_even(mul(n, real(0.5)));
    return each<Real>(
        [&](Value* value, Value* h, Value* r) {
            return builder_.CreateFMul(builder_.CreateFMul(value, power_of_two(h)), power_of_two(r));
        },
        x, half, sub(n, half));
}

IrEmitter::Real IrEmitter::scale_normal(Real x, Real n) const {
    if (shape_.avx512) return each<Real>([&](Value* value, Value* power) { return scalef(value, power); }, x, n);
    const Int shift = shift_left(bits(add(n, real(shape_.single ? 0x1.8p23 : 0x1.8p52))), shape_.single ? 23 : 52);
    return from_bits(int_add(bits(x), shift));
}

IrEmitter::Real IrEmitter::scale_by_floor(Real x, Real n) const {
    return scale(x, shape_.avx512 ? n : floor(n));  // vscalef takes the floor
}

IrEmitter::Real IrEmitter::eighths(Int k) const {
    return each<Real>([&](Value* piece) { return eighths_of_piece(piece); }, k);
}

// Vectors of 256 and 512 bits hold the table, or its halves, and choose from it by the low bits.
Value* IrEmitter::eighths_of_piece(Value* k) const {
    const unsigned bits = static_cast<unsigned>(shape_.width) * (shape_.single ? 32 : 64);
    if (bits >= 256 && shape_.single) {
        std::vector<float> table(static_cast<std::size_t>(shape_.width));
        for (std::size_t i = 0; i < table.size(); ++i) table[i] = math::powers_of_eighths<float>[i % 8];
        Value* powers = llvm::ConstantDataVector::get(builder_.getContext(), table);
        const auto id = bits == 512 ? llvm::Intrinsic::x86_avx512_permvar_sf_512 : llvm::Intrinsic::x86_avx2_permps;
        return builder_.CreateIntrinsic(id, {}, {powers, k});
    }
    if (bits == 512) {
        Value* powers = llvm::ConstantDataVector::get(builder_.getContext(), math::powers_of_eighths<double>);
        return builder_.CreateIntrinsic(llvm::Intrinsic::x86_avx512_permvar_df_512, {}, {powers, k});
    }
    if (bits == 256) {
        std::array<std::uint32_t, 8> low{}, high{};
        for (std::size_t i = 0; i < 8; ++i) {
            const auto word = std::bit_cast<std::uint64_t>(math::powers_of_eighths<double>[i]);
            low[i] = static_cast<std::uint32_t>(word);
            high[i] = static_cast<std::uint32_t>(word >> 32U);
        }
        auto* words = llvm::FixedVectorType::get(builder_.getInt32Ty(), 8);
        Value* index = builder_.CreateShuffleVector(builder_.CreateBitCast(k, words), {0, 0, 2, 2, 4, 4, 6, 6});
        const auto chosen = [&](const std::array<std::uint32_t, 8>& table) {
            return builder_.CreateIntrinsic(llvm::Intrinsic::x86_avx2_permd, {},
                                            {llvm::ConstantDataVector::get(builder_.getContext(), table), index});
        };
        Value* both = builder_.CreateShuffleVector(chosen(low), chosen(high), {0, 9, 2, 11, 4, 13, 6, 15});
        return builder_.CreateBitCast(both, piece_type());
    }
    auto* powers = shape_.single ? llvm::ConstantDataArray::get(builder_.getContext(), math::powers_of_eighths<float>)
                                 : llvm::ConstantDataArray::get(builder_.getContext(), math::powers_of_eighths<double>);
    auto* module = builder_.GetInsertBlock()->getModule();
    auto* table = llvm::cast<llvm::GlobalVariable>(
        module->getOrInsertGlobal(shape_.single ? "eighths_single" : "eighths", powers->getType()));
    table->setInitializer(powers);
    table->setConstant(true);
    table->setLinkage(llvm::GlobalValue::PrivateLinkage);
    const auto looked_up = [&](Value* number) {
        Value* place = builder_.CreateInBoundsGEP(real_type_, table,
                                                  builder_.CreateAnd(number, llvm::ConstantInt::get(int_type_, 7)));
        return builder_.CreateLoad(real_type_, place);
    };
    if (shape_.width == 1) return looked_up(k);
    Value* result = llvm::PoisonValue::get(piece_type());
    for (std::uint64_t lane = 0; lane < static_cast<std::uint64_t>(shape_.width); ++lane)
        result = builder_.CreateInsertElement(result, looked_up(builder_.CreateExtractElement(k, lane)), lane);
    return result;
}

// --- random words ---

IrEmitter::Word IrEmitter::word_add(Word a, Word b) const {
    return each<Word>([&](Value* x, Value* y) { return builder_.CreateAdd(x, y); }, a, b);
}
IrEmitter::Word IrEmitter::word_xor(Word a, Word b) const {
    return each<Word>([&](Value* x, Value* y) { return builder_.CreateXor(x, y); }, a, b);
}
IrEmitter::Word IrEmitter::multiply_low(Word a, Word b) const {
    return each<Word>([&](Value* x, Value* y) { return builder_.CreateMul(x, y); }, a, b);
}
IrEmitter::Word IrEmitter::multiply_high(Word a, Word b) const {
    auto* wide = vector_of(builder_.getInt64Ty());
    return each<Word>(
        [&](Value* x, Value* y) {
            Value* product = builder_.CreateMul(builder_.CreateZExt(x, wide), builder_.CreateZExt(y, wide));
            return builder_.CreateTrunc(builder_.CreateLShr(product, 32), x->getType());
        },
        a, b);
}

IrEmitter::Int IrEmitter::combine(Word high, Word low) const {
    auto* type = vector_of(int_type_);
    if (shape_.single) return each<Int>([](Value* x) { return x; }, high);
    return each<Int>(
        [&](Value* x, Value* y) {
            return builder_.CreateOr(builder_.CreateShl(builder_.CreateZExt(x, type), std::uint64_t{32}),
                                     builder_.CreateZExt(y, type));
        },
        high, low);
}

// --- lanes, memory, calls ---

IrEmitter::Real IrEmitter::load(Value* address) const {
    const std::uint64_t bytes = shape_.single ? 4 : 8;
    Real result;
    for (int p = 0; p < shape_.pieces; ++p) {
        Value* place = builder_.CreateConstInBoundsGEP1_64(real_type_, address, first_lane(p));
        result.piece[static_cast<std::size_t>(p)] = builder_.CreateAlignedLoad(piece_type(), place, llvm::Align(bytes));
    }
    return result;
}

void IrEmitter::store(Real value, Value* address) const {
    const std::uint64_t bytes = shape_.single ? 4 : 8;
    for (int p = 0; p < shape_.pieces; ++p) {
        Value* place = builder_.CreateConstInBoundsGEP1_64(real_type_, address, first_lane(p));
        builder_.CreateAlignedStore(value.piece[static_cast<std::size_t>(p)], place, llvm::Align(bytes));
    }
}

Value* IrEmitter::mask(Bool c) const {
    Value* result = builder_.getInt64(0);
    for (int p = 0; p < shape_.pieces; ++p) {
        Value* piece = c.piece[static_cast<std::size_t>(p)];
        Value* bits = shape_.width == 1
                          ? piece
                          : builder_.CreateBitCast(piece, builder_.getIntNTy(static_cast<unsigned>(shape_.width)));
        Value* shifted = builder_.CreateShl(builder_.CreateZExt(bits, builder_.getInt64Ty()), first_lane(p));
        result = builder_.CreateOr(result, shifted);
    }
    return result;
}

Value* IrEmitter::any(Bool c) const {
    Value* either = c.piece[0];
    for (int p = 1; p < shape_.pieces; ++p) either = builder_.CreateOr(either, c.piece[static_cast<std::size_t>(p)]);
    if (shape_.width == 1) return either;
    auto* bits = builder_.getIntNTy(static_cast<unsigned>(shape_.width));
    return builder_.CreateICmpNE(builder_.CreateBitCast(either, bits), llvm::ConstantInt::get(bits, 0));
}

void IrEmitter::for_lanes_where(Bool c, llvm::function_ref<void(Value* lane)> body) const {
    auto& context = builder_.getContext();
    auto* function = builder_.GetInsertBlock()->getParent();
    auto* next_lane = llvm::BasicBlock::Create(context, "lane", function);
    auto* first_lane = llvm::BasicBlock::Create(context, "some_lane", function);
    auto* done = llvm::BasicBlock::Create(context, "lanes_done", function);
    auto* seldom = llvm::MDBuilder(context).createBranchWeights(1, 1 << 16);
    const Int carried = packed(c);
    builder_.CreateCondBr(any(c), first_lane, done, seldom);
    builder_.SetInsertPoint(first_lane);
    Value* all = mask(unpacked(c, carried));
    builder_.CreateBr(next_lane);
    builder_.SetInsertPoint(next_lane);
    auto* remaining = builder_.CreatePHI(builder_.getInt64Ty(), 2);
    remaining->addIncoming(all, first_lane);
    body(builder_.CreateBinaryIntrinsic(llvm::Intrinsic::cttz, remaining, builder_.getTrue()));
    Value* rest = builder_.CreateAnd(remaining, builder_.CreateSub(remaining, builder_.getInt64(1)));
    remaining->addIncoming(rest, builder_.GetInsertBlock());
    builder_.CreateCondBr(builder_.CreateICmpNE(rest, builder_.getInt64(0)), next_lane, done);
    builder_.SetInsertPoint(done);
}

void IrEmitter::for_all_lanes(llvm::function_ref<void(Value* lane)> body) const {
    auto& context = builder_.getContext();
    auto* function = builder_.GetInsertBlock()->getParent();
    auto* before = builder_.GetInsertBlock();
    auto* loop = llvm::BasicBlock::Create(context, "each_lane", function);
    auto* done = llvm::BasicBlock::Create(context, "all_lanes_done", function);
    builder_.CreateBr(loop);
    builder_.SetInsertPoint(loop);
    auto* lane = builder_.CreatePHI(builder_.getInt64Ty(), 2);
    lane->addIncoming(builder_.getInt64(0), before);
    body(lane);
    Value* next = builder_.CreateAdd(lane, builder_.getInt64(1));
    lane->addIncoming(next, builder_.GetInsertBlock());
    builder_.CreateCondBr(builder_.CreateICmpSLT(next, builder_.getInt64(shape_.lanes())), loop, done);
    builder_.SetInsertPoint(done);
}

Value* IrEmitter::function_address(FunctionTable::Function function) const {
    auto* pointer = builder_.getPtrTy();
    Value* place = builder_.CreateConstInBoundsGEP1_64(pointer, table_,
                                                       static_cast<std::uint64_t>(functions_.number_of(function)));
    return builder_.CreateLoad(pointer, place);
}

Value* IrEmitter::stack(llvm::Type* type, std::uint64_t count) const {
    auto& entry = builder_.GetInsertBlock()->getParent()->getEntryBlock();
    llvm::IRBuilder<> at_entry(&entry, entry.begin());
    auto* memory = at_entry.CreateAlloca(type, at_entry.getInt64(count));
    memory->setAlignment(llvm::Align(64));
    return memory;
}

IrEmitter::Real IrEmitter::rarely(Bool c, double (*function)(double), Real x, Real otherwise) const {
    return call_rarely(c, reinterpret_cast<FunctionTable::Function>(function), {x}, otherwise);
}

IrEmitter::Real IrEmitter::rarely(Bool c, double (*function)(double, double), Real x, Real y, Real otherwise) const {
    return call_rarely(c, reinterpret_cast<FunctionTable::Function>(function), {x, y}, otherwise);
}

IrEmitter::Int IrEmitter::packed(Bool c) const {
    if (shape_.width == 1 || shape_.avx512) return {};
    return each<Int>([&](Value* x) { return builder_.CreateSExt(x, vector_of(int_type_)); }, c);
}

IrEmitter::Bool IrEmitter::unpacked(Bool c, Int carried) const {
    if (shape_.width == 1 || shape_.avx512) return c;
    return int_less(carried, integer(0));
}

// Kept as what is usual, because a masked comparison continues that for nothing.
void IrEmitter::expect_not(Bool unusual) const {
    const Bool usual = negated(unusual);
    for (std::size_t p = 0; p < static_cast<std::size_t>(shape_.pieces); ++p) {
        Value* holds = usual.piece[p];
        if (shape_.width > 1 && !shape_.avx512) holds = builder_.CreateSExt(holds, vector_of(int_type_));
        speculation_->tests.push_back({p % speculation_->pieces, holds});
    }
}

Value* IrEmitter::all_set(const std::vector<Value*>& conditions) const {
    Value* all = nullptr;
    for (Value* piece : conditions) all = all == nullptr ? piece : builder_.CreateAnd(all, piece);
    if (all == nullptr) return builder_.getTrue();
    if (shape_.width == 1) return all;
    if (!shape_.avx512) all = builder_.CreateICmpSLT(all, llvm::Constant::getNullValue(all->getType()));
    auto* bits = builder_.getIntNTy(static_cast<unsigned>(shape_.width));
    return builder_.CreateICmpEQ(builder_.CreateBitCast(all, bits), llvm::Constant::getAllOnesValue(bits));
}

Value* IrEmitter::least_magnitude(llvm::ArrayRef<Value*> values) const {
    if (values.size() == 1) return intrinsic(llvm::Intrinsic::fabs, {values[0]});
    Value* least = values[0];
    for (Value* value : values.drop_front()) {
        if (!shape_.avx512 || shape_.width == 1) {
            least = intrinsic(llvm::Intrinsic::minnum,
                              {intrinsic(llvm::Intrinsic::fabs, {least}), intrinsic(llvm::Intrinsic::fabs, {value})});
            continue;
        }
        constexpr int smaller_magnitude = 0b10, without_sign = 0b1000;
        least = builder_.CreateIntrinsic(shape_.single ? llvm::Intrinsic::x86_avx512_mask_range_ps_512
                                                       : llvm::Intrinsic::x86_avx512_mask_range_pd_512,
                                         {},
                                         {least, value, builder_.getInt32(smaller_magnitude | without_sign),
                                          llvm::Constant::getNullValue(piece_type()), all_lanes(), current_rounding()});
    }
    return least;
}

IrEmitter::Real IrEmitter::branch_if_any(Bool c, Real usual, llvm::function_ref<Real(Bool)> other) const {
    if (speculation_ != nullptr) {
        expect_not(c);
        return usual;
    }
    auto& context = builder_.getContext();
    auto* parent = builder_.GetInsertBlock()->getParent();
    auto* before = builder_.GetInsertBlock();
    auto* unusual = llvm::BasicBlock::Create(context, "unusual", parent);
    auto* join = llvm::BasicBlock::Create(context, "join", parent);
    const Int carried = packed(c);
    builder_.CreateCondBr(any(c), unusual, join, llvm::MDBuilder(context).createBranchWeights(1, 1 << 16));
    builder_.SetInsertPoint(unusual);
    const Real computed = other(unpacked(c, carried));
    auto* unusual_end = builder_.GetInsertBlock();
    builder_.CreateBr(join);
    builder_.SetInsertPoint(join);
    Real result;
    for (std::size_t p = 0; p < static_cast<std::size_t>(shape_.pieces); ++p) {
        auto* value = builder_.CreatePHI(piece_type(), 2);
        value->addIncoming(usual.piece[p], before);
        value->addIncoming(computed.piece[p], unusual_end);
        result.piece[p] = value;
    }
    return result;
}

// Lanes go through memory, one call each.
IrEmitter::Real IrEmitter::call_rarely(Bool c, FunctionTable::Function function, llvm::ArrayRef<Real> arguments,
                                       Real otherwise) const {
    return branch_if_any(c, otherwise, [&](Bool needed) {
        const auto lanes = static_cast<std::uint64_t>(shape_.lanes());
        std::vector<Value*> memory;
        for (const Real& argument : arguments) {
            memory.push_back(stack(real_type_, lanes));
            store(argument, memory.back());
        }
        Value* results = stack(real_type_, lanes);
        store(otherwise, results);
        auto* double_type = builder_.getDoubleTy();
        auto* signature =
            llvm::FunctionType::get(double_type, std::vector<llvm::Type*>(arguments.size(), double_type), false);
        Value* address = function_address(function);
        for_lanes_where(needed, [&](Value* lane) {
            std::vector<Value*> values;
            for (Value* place : memory) {
                Value* value = builder_.CreateLoad(real_type_, builder_.CreateInBoundsGEP(real_type_, place, lane));
                values.push_back(builder_.CreateFPCast(value, double_type));
            }
            Value* value = builder_.CreateCall(signature, address, values);
            builder_.CreateStore(builder_.CreateFPCast(value, real_type_),
                                 builder_.CreateInBoundsGEP(real_type_, results, lane));
        });
        return load(results);
    });
}

}  // namespace spikesmith::codegen
