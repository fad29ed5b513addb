#include "spikesmith/nets/pair_network.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "spikesmith/core/error.hpp"
#include "spikesmith/math/philox.hpp"
#include "spikesmith/nets/subnormals.hpp"

namespace spikesmith::nets {
namespace {

// Sets the random numbers of samples apart from those of math::RandomStream and of simulations.
constexpr std::uint32_t noise_stream = 0xC0000000U;

void require(bool condition, const std::string& message) {
    if (!condition) throw ConfigError(message);
}

void check_options(const DensityOptions& options, DensityKind kind) {
    require(options.hidden_features > 0 && options.hidden_features <= 100000,
            "hidden_features must be between 1 and 100000");
    require(options.num_transforms > 0 || (kind != DensityKind::maf && kind != DensityKind::nsf),
            "num_transforms must be at least 1");
    require(kind != DensityKind::nsf || (options.num_bins >= 2 && options.num_bins <= 64),
            "num_bins must be between 2 and 64");
    require(kind != DensityKind::nsf || options.tail_bound > 0, "tail_bound must be positive");
    require((kind != DensityKind::mdn && kind != DensityKind::made) ||
                (options.num_components >= 1 && options.num_components <= 64),
            "num_components must be between 1 and 64");
}

std::unique_ptr<Body> make_body(const DensitySpecification& what, const BodyShape& shape, std::uint64_t seed,
                                Builder& builder) {
    check_options(what.options, what.kind);
    require(what.cut.empty() || what.kind == DensityKind::made, "only the mixtures of a made can be cut");
    switch (what.kind) {
        case DensityKind::mdn:
            return make_mdn(shape, what.options, builder);
        case DensityKind::made:
            return make_made(shape, what.options, builder);
        case DensityKind::nsf:
            return make_nsf(shape, what.options, builder);
        case DensityKind::maf:
            break;
    }
    return make_maf(shape, what.options, seed, builder);
}

std::unique_ptr<Body> make_body(const RatioSpecification& what, const BodyShape& shape, std::uint64_t /*seed*/,
                                Builder& builder) {
    require(what.options.hidden_features > 0 && what.options.hidden_features <= 100000,
            "hidden_features must be between 1 and 100000");
    require(what.options.num_blocks > 0 || what.kind == ClassifierKind::linear, "num_blocks must be at least 1");
    return make_classifier(shape, what.kind, what.options, builder);
}

Scaling scaling_of(const PairNetwork::Specification& specification) {
    return std::visit(
        [](const auto& what) {
            Scaling scaling{.theta_dimensions = what.theta_dimensions,
                            .x_dimensions = what.x_dimensions,
                            .theta_scale = what.theta_scale,
                            .x_scale = what.x_scale,
                            .mask_missing = what.mask_missing};
            if constexpr (requires { what.support; }) {
                scaling.support = what.support;
                scaling.cut = what.cut;
            }
            return scaling;
        },
        specification);
}

std::size_t rounded(std::size_t lanes) {
    return (lanes + lane_group - 1) / lane_group * lane_group;
}

}  // namespace

PairNetwork::PairNetwork(Specification specification, std::uint64_t seed)
    : specification_(std::move(specification)), seed_(seed), scaling_(scaling_of(specification_)) {
    scaling_.check();
    const Embedding& embedding =
        std::visit([](const auto& what) -> const Embedding& { return what.embedding; }, specification_);
    require(embedding.kind != EmbeddingKind::torchscript,
            "a TorchScript embedding is no part of a density: it goes in front of one");
    require(
        embedding.kind == EmbeddingKind::identity || (embedding.output_features > 0 && embedding.hidden_features > 0),
        "output_features and hidden_features of the embedding must be at least 1");
    require(embedding.dropout >= 0 && embedding.dropout < 1, "dropout must be at least 0 and below 1");
    require(!scaling_.mask_missing || embedding.kind == EmbeddingKind::identity || embedding.kind == EmbeddingKind::mlp,
            "mask_missing needs features or an mlp embedding: a convolution has no place for the flags");
    theta_rows_ = Builder::rows(builder_.wide.values, scaling_.theta_dimensions);
    (void)Builder::rows(builder_.wide.gradients, scaling_.theta_dimensions);  // the same numbers
    embedding_ = std::make_unique<EmbeddingNetwork>(embedding, scaling_.x_inputs(), builder_);
    const BodyShape shape{.dimensions = scaling_.theta_dimensions,
                          .theta = theta_rows_,
                          .features = embedding_->features(),
                          .cut = scaling_.intervals()};
    noise_spare_ = Builder::rows(builder_.wide.values, 1)[0];
    body_ = std::visit([&](const auto& what) { return make_body(what, shape, seed, builder_); }, specification_);
}

std::vector<float> PairNetwork::initial_parameters() const {
    std::vector<float> result(builder_.parameters);
    builder_.initialize(result, seed_);
    return result;
}

// As many lanes as keep a block's rows in the second-level cache, in blocks of equal size.
std::size_t PairNetwork::block_size(std::size_t samples, std::size_t repeats) const {
    constexpr std::size_t floats = 400000;
    constexpr std::size_t most = 256;
    const std::size_t wide = floats / (std::size_t{builder_.wide.values} + builder_.wide.gradients) / repeats;
    const std::size_t context = floats / (2 * std::size_t{builder_.context_rows});
    const std::size_t limit = std::clamp(std::min(wide, context) / lane_group * lane_group, lane_group, most);
    const std::size_t blocks = (samples + limit - 1) / limit;
    return blocks == 0 ? lane_group : rounded((samples + blocks - 1) / blocks);
}

Tape& PairNetwork::begin(const float* parameters, Workspace& workspace, std::size_t block, std::size_t repeats) const {
    Workspace::Memory& memory = workspace.memory();
    Tape& tape = memory.tape;
    tape.context.lanes = block;
    tape.wide.lanes = block * repeats;
    tape.repeats = repeats;
    tape.dropout_key = 0;
    tape.first_sample = 0;
    tape.context.values.shape(builder_.context_rows, block);
    tape.context.gradients.shape(builder_.context_rows, block);
    tape.wide.values.shape(builder_.wide.values, tape.wide.lanes);
    tape.wide.gradients.shape(builder_.wide.gradients, tape.wide.lanes);
    memory.values.resize(tape.wide.lanes);
    memory.packed_values.resize(tape.wide.lanes);
    memory.packed_derivatives.resize(tape.wide.lanes);
    memory.upstream.resize(tape.wide.lanes);
    memory.volumes.resize(tape.wide.lanes);
    memory.scaled.resize(std::max(scaling_.theta_dimensions, scaling_.x_inputs()));
    body_->prepare(parameters, tape);
    return tape;
}

TrainingData PairNetwork::prepare(std::span<const double> theta, std::span<const double> x) const {
    const std::size_t D = scaling_.theta_dimensions;
    const std::size_t C = scaling_.x_dimensions;
    const std::size_t n = theta.size() / D;
    if (theta.size() != n * D || x.size() != n * C) {
        throw DataError(std::to_string(theta.size()) + " values of theta and " + std::to_string(x.size()) +
                        " of x are no samples of " + std::to_string(D) + " and " + std::to_string(C));
    }
    TrainingData data{.samples = n, .theta_inputs = D, .x_inputs = scaling_.x_inputs()};
    data.theta.resize(n * D);
    data.x.resize(n * data.x_inputs);
    data.log_volume_change.resize(n);
    for (std::size_t i = 0; i < n; ++i) {
        const double volume = scaling_.theta_inputs(theta.subspan(i * D, D), data.theta.data() + i * D);
        if (std::isinf(volume)) throw DataError("theta of sample " + std::to_string(i) + " is outside the support");
        data.log_volume_change[i] = std::holds_alternative<DensitySpecification>(specification_) ? volume : 0;
        scaling_.x_inputs(x.subspan(i * C, C), data.x.data() + i * data.x_inputs);
    }
    return data;
}

void PairNetwork::check_batch(const TrainingData& data, const Minibatch& batch, std::span<const float> gradient) const {
    const std::size_t rows = batch.x.size();
    if (batch.theta.size() % rows != 0 || batch.theta.empty())
        throw DataError("a minibatch needs the same number of candidates for each row");
    if (data.theta_inputs != scaling_.theta_dimensions || data.x_inputs != scaling_.x_inputs()) {
        throw DataError("the training data were prepared by another kind of network");
    }
    if (!gradient.empty() && gradient.size() != builder_.parameters)
        throw DataError("the gradient has the wrong number of values");
    const auto beyond = [&](std::uint32_t i) { return i >= data.samples; };
    if (std::any_of(batch.x.begin(), batch.x.end(), beyond) ||
        std::any_of(batch.theta.begin(), batch.theta.end(), beyond)) {
        throw DataError("a minibatch refers to samples that the data do not have");
    }
    if ((!batch.rows_x.empty() && batch.rows_x.size() != rows * data.x_inputs) ||
        (!batch.rows_x_gradient.empty() && batch.rows_x_gradient.size() != rows * data.x_inputs)) {
        throw DataError("the features given with a minibatch have the wrong number of values");
    }
}

void PairNetwork::put_x(const TrainingData& data, const Minibatch& batch, std::size_t first, std::size_t count,
                        Tape& tape) const {
    for (std::size_t c = 0; c < data.x_inputs; ++c) {
        float* const to = tape.context.values.row(embedding_->inputs()[c]);
        for (std::size_t k = 0; k < count; ++k) {
            to[k] = batch.rows_x.empty() ? data.x[batch.x[first + k] * data.x_inputs + c]
                                         : batch.rows_x[(first + k) * data.x_inputs + c];
        }
        std::fill(to + count, to + tape.block(), 0.0F);
    }
}

void PairNetwork::accumulate_by_x(std::span<const float> parameters, const TrainingData& data, const Minibatch& batch,
                                  const std::function<void(Tape&, std::size_t, std::size_t)>& visit,
                                  std::span<float> gradient, Workspace& workspace) const {
    const std::size_t rows = batch.x.size();
    if (rows == 0) return;
    check_batch(data, batch, gradient);
    const float* const p = parameters.data();
    const std::size_t block = block_size(rows, 1);
    const SubnormalsAreZero subnormals_are_zero;
    Tape& tape = begin(p, workspace, block, 1);
    tape.dropout_key = batch.dropout_key;
    for (std::size_t first = 0; first < rows; first += block) {
        const std::size_t count = std::min(block, rows - first);
        tape.first_sample = first;
        put_x(data, batch, first, count, tape);
        embedding_->observe(p, tape);
        body_->observe(p, tape);
        tape.context.gradients.clear();
        visit(tape, first, count);
        if (gradient.empty()) continue;
        body_->differentiate_observation(p, tape, gradient.data());
        embedding_->differentiate(p, tape, gradient.data(), false);
    }
}

double PairNetwork::accumulate(std::span<const float> parameters, const TrainingData& data, const Minibatch& batch,
                               const PairLoss& loss, std::span<float> gradient, Workspace& workspace) const {
    const std::size_t rows = batch.x.size();
    if (rows == 0) return 0;
    check_batch(data, batch, gradient);
    const std::size_t repeats = batch.theta.size() / rows;
    const float* const p = parameters.data();
    const std::size_t block = block_size(rows, repeats);
    const SubnormalsAreZero subnormals_are_zero;
    Tape& tape = begin(p, workspace, block, repeats);
    tape.dropout_key = batch.dropout_key;
    Workspace::Memory& memory = workspace.memory();
    double total = 0;
    for (std::size_t first = 0; first < rows; first += block) {
        const std::size_t count = std::min(block, rows - first);
        tape.first_sample = first;
        put_x(data, batch, first, count, tape);
        for (std::size_t d = 0; d < data.theta_inputs; ++d) {
            float* const to = tape.wide.values.row(theta_rows_[d]);
            for (std::size_t m = 0; m < repeats; ++m) {
                const std::uint32_t* const index = batch.theta.data() + m * rows + first;
                for (std::size_t k = 0; k < count; ++k)
                    to[m * block + k] = data.theta[index[k] * data.theta_inputs + d];
                std::fill(to + m * block + count, to + (m + 1) * block, 0.0F);
            }
        }
        embedding_->observe(p, tape);
        body_->observe(p, tape);
        body_->evaluate(p, tape, memory.values);
        for (std::size_t m = 0; m < repeats; ++m) {
            for (std::size_t k = 0; k < count; ++k) {
                const double value =
                    memory.values[m * block + k] + data.log_volume_change[batch.theta[m * rows + first + k]];
                if (std::isnan(value)) {
                    throw NumericalError("the network gives NaN for sample " + std::to_string(batch.x[first + k]),
                                         "a smaller learning rate, or z-scored inputs");
                }
                memory.packed_values[m * count + k] = value;
            }
        }
        const std::span<double> derivatives(memory.packed_derivatives.data(), repeats * count);
        std::fill(derivatives.begin(), derivatives.end(), 0.0);
        total += loss(first, count, std::span<const double>(memory.packed_values.data(), repeats * count), derivatives);
        if (gradient.empty()) continue;
        std::fill(memory.upstream.begin(), memory.upstream.end(), 0.0F);
        for (std::size_t m = 0; m < repeats; ++m) {
            for (std::size_t k = 0; k < count; ++k)
                memory.upstream[m * block + k] = static_cast<float>(derivatives[m * count + k]);
        }
        tape.context.gradients.clear();
        body_->differentiate(p, tape, memory.upstream.data(), gradient.data());
        body_->differentiate_observation(p, tape, gradient.data());
        embedding_->differentiate(p, tape, gradient.data(), !batch.rows_x_gradient.empty());
        for (std::size_t c = 0; c < data.x_inputs && !batch.rows_x_gradient.empty(); ++c) {
            const float* const from = tape.context.gradients.row(embedding_->inputs()[c]);
            for (std::size_t k = 0; k < count; ++k) batch.rows_x_gradient[(first + k) * data.x_inputs + c] += from[k];
        }
    }
    return total;
}

void PairNetwork::check_theta(std::span<const double> theta, std::size_t results) const {
    if (theta.size() != results * scaling_.theta_dimensions) {
        throw DataError(std::to_string(theta.size()) + " values of theta are not " + std::to_string(results) +
                        " rows of " + std::to_string(scaling_.theta_dimensions));
    }
}

void PairNetwork::put_theta(Workspace::Memory& memory, std::span<const double> theta) const {
    const std::size_t D = scaling_.theta_dimensions;
    const std::size_t count = theta.size() / D;
    const Side& wide = memory.tape.wide;
    for (std::size_t k = 0; k < wide.lanes; ++k) {
        if (k < count) {
            memory.volumes[k] = scaling_.theta_inputs(theta.subspan(k * D, D), memory.scaled.data());
        } else {
            std::fill_n(memory.scaled.begin(), D, 0.0F);
        }
        for (std::size_t d = 0; d < D; ++d) wide.values.row(theta_rows_[d])[k] = memory.scaled[d];
    }
}

void PairNetwork::finish_block(const float* parameters, Workspace::Memory& memory, std::span<const double> theta,
                               std::span<double> result, std::span<double> theta_gradient) const {
    const std::size_t D = scaling_.theta_dimensions;
    const bool density = std::holds_alternative<DensitySpecification>(specification_);
    Tape& tape = memory.tape;
    body_->evaluate(parameters, tape, memory.values);
    for (std::size_t k = 0; k < result.size(); ++k) result[k] = memory.values[k] + (density ? memory.volumes[k] : 0);
    if (theta_gradient.empty()) return;
    for (std::size_t k = 0; k < tape.wide.lanes; ++k)
        memory.upstream[k] = k < result.size() && std::isfinite(memory.volumes[k]) ? 1.0F : 0.0F;
    tape.context.gradients.clear();
    body_->differentiate(parameters, tape, memory.upstream.data(), nullptr);
    for (std::size_t k = 0; k < result.size(); ++k) {
        const std::span<double> gradient = theta_gradient.subspan(k * D, D);
        if (std::isinf(memory.volumes[k])) {
            std::fill(gradient.begin(), gradient.end(), 0.0);
        } else {
            scaling_.theta_gradient(theta.subspan(k * D, D), tape.wide.gradients.row(theta_rows_[0]) + k,
                                    tape.wide.gradients.stride(), gradient);
        }
    }
}

void PairNetwork::evaluate(std::span<const float> parameters, std::span<const double> theta, std::span<const double> x,
                           std::span<double> result, std::span<double> theta_gradient, std::span<double> x_gradient,
                           Workspace& workspace) const {
    const std::size_t D = scaling_.theta_dimensions;
    const std::size_t C = scaling_.x_dimensions;
    const std::size_t n = result.size();
    check_theta(theta, n);
    const bool shared = x.size() == C;
    if (!shared && x.size() != n * C) {
        throw DataError(std::to_string(x.size()) + " values of x are neither one row nor " + std::to_string(n) +
                        " rows of " + std::to_string(C));
    }
    if ((!theta_gradient.empty() && theta_gradient.size() != n * D) ||
        (!x_gradient.empty() && x_gradient.size() != n * C)) {
        throw DataError("the gradients have the wrong number of values");
    }
    if (n == 0) return;
    const float* const p = parameters.data();
    const std::size_t block = block_size(n, 1);
    const SubnormalsAreZero subnormals_are_zero;
    Tape& tape = begin(p, workspace, block, 1);
    Workspace::Memory& memory = workspace.memory();
    std::vector<double> unwanted;
    if (theta_gradient.empty() && !x_gradient.empty()) {
        unwanted.resize(n * D);
        theta_gradient = unwanted;
    }
    const auto row_of_x = [&](std::size_t i) { return shared ? x : x.subspan(i * C, C); };
    for (std::size_t first = 0; first < n; first += block) {
        const std::size_t count = std::min(block, n - first);
        const std::span<const double> part = theta.subspan(first * D, count * D);
        put_theta(memory, part);
        for (std::size_t k = 0; k < block; ++k) {
            if (k < count) {
                scaling_.x_inputs(row_of_x(first + k), memory.scaled.data());
            } else {
                std::fill(memory.scaled.begin(), memory.scaled.end(), 0.0F);
            }
            for (std::size_t c = 0; c < scaling_.x_inputs(); ++c)
                tape.context.values.row(embedding_->inputs()[c])[k] = memory.scaled[c];
        }
        embedding_->observe(p, tape);
        body_->observe(p, tape);
        finish_block(p, memory, part, result.subspan(first, count),
                     theta_gradient.empty() ? theta_gradient : theta_gradient.subspan(first * D, count * D));
        if (x_gradient.empty()) continue;
        body_->differentiate_observation(p, tape, nullptr);
        embedding_->differentiate(p, tape, nullptr, true);
        const RowList& inputs = embedding_->inputs();
        memory.scaled.resize(std::max(memory.scaled.size(), inputs.size()));
        for (std::size_t k = 0; k < count; ++k) {
            for (std::size_t c = 0; c < C; ++c) memory.scaled[c] = tape.context.gradients.row(inputs[c])[k];
            scaling_.x_gradient(row_of_x(first + k), memory.scaled.data(), 1, x_gradient.subspan((first + k) * C, C));
        }
    }
}

std::vector<float> PairNetwork::observe(std::span<const float> parameters, std::span<const double> x,
                                        Workspace& workspace) const {
    if (x.size() != scaling_.x_dimensions) {
        throw DataError("x has " + std::to_string(x.size()) + " values, not " + std::to_string(scaling_.x_dimensions));
    }
    const float* const p = parameters.data();
    const SubnormalsAreZero subnormals_are_zero;
    Tape& tape = begin(p, workspace, lane_group, 1);
    Workspace::Memory& memory = workspace.memory();
    scaling_.x_inputs(x, memory.scaled.data());
    for (std::size_t c = 0; c < scaling_.x_inputs(); ++c) {
        std::fill_n(tape.context.values.row(embedding_->inputs()[c]), lane_group, memory.scaled[c]);
    }
    embedding_->observe(p, tape);
    body_->observe(p, tape);
    std::vector<float> context(builder_.context_rows);
    for (std::size_t r = 0; r < context.size(); ++r) context[r] = tape.context.values.row(r)[0];
    return context;
}

void PairNetwork::spread(std::span<const float> context, Tape& tape) const {
    for (std::size_t r = 0; r < context.size(); ++r) std::fill_n(tape.context.values.row(r), tape.block(), context[r]);
}

void PairNetwork::evaluate_observed(std::span<const float> parameters, std::span<const float> context,
                                    std::span<const double> theta, std::span<double> result,
                                    std::span<double> theta_gradient, Workspace& workspace) const {
    const std::size_t D = scaling_.theta_dimensions;
    const std::size_t n = result.size();
    check_theta(theta, n);
    if (!theta_gradient.empty() && theta_gradient.size() != n * D)
        throw DataError("the gradient has the wrong number of values");
    if (n == 0) return;
    const std::size_t block = block_size(n, 1);
    const SubnormalsAreZero subnormals_are_zero;
    Tape& tape = begin(parameters.data(), workspace, block, 1);
    spread(context, tape);
    for (std::size_t first = 0; first < n; first += block) {
        const std::size_t count = std::min(block, n - first);
        const std::span<const double> part = theta.subspan(first * D, count * D);
        put_theta(workspace.memory(), part);
        finish_block(parameters.data(), workspace.memory(), part, result.subspan(first, count),
                     theta_gradient.empty() ? theta_gradient : theta_gradient.subspan(first * D, count * D));
    }
}

// The numbers of a sample are those of a Philox stream keyed by seed and sample, four words at a time: two words for each
// pair of normal numbers, then one for each uniform number.
void PairNetwork::put_noise(Tape& tape, std::uint64_t seed, std::uint64_t first_sample) const {
    const std::size_t D = scaling_.theta_dimensions;
    const std::size_t pairs = (D + 1) / 2;
    const std::size_t uniforms = body_->uniforms();
    const Side& wide = tape.wide;
    RowList rows = body_->noise_rows();
    // The last pair's second number may have no use.
    RowList first(pairs);
    RowList second(pairs, noise_spare_);
    for (std::size_t d = 0; d < D; ++d) (d % 2 == 0 ? first : second)[d / 2] = rows[d];
    for (std::size_t k = 0; k < wide.lanes; ++k) {
        const std::uint64_t sample = first_sample + k;
        std::uint32_t words[4] = {};
        std::uint32_t used = 0;
        const auto next = [&] {
            if (used % 4 == 0) {
                const auto drawn =
                    math::philox(math::ScalarOperations<double>(),
                                 {used / 4, static_cast<std::uint32_t>(sample),
                                  static_cast<std::uint32_t>(sample >> 32U), noise_stream},
                                 {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32U)});
                for (std::size_t w = 0; w < 4; ++w) words[w] = drawn[w];
            }
            return words[used++ % 4];
        };
        for (std::size_t d = 0; d < pairs; ++d) {
            wide.values.row(first[d])[k] = (static_cast<float>(next()) + 0.5F) * 0x1p-32F;
            wide.values.row(second[d])[k] = static_cast<float>(next() >> 8U) * 0x1p-24F - 0.5F;
        }
        for (std::size_t d = 0; d < uniforms; ++d)
            wide.values.row(rows[D + d])[k] = static_cast<float>(next() >> 8U) * 0x1p-24F;
    }
    wide.kernels->normals(wide.values.view(first), wide.values.view(second), pairs, wide.lanes);
}

void PairNetwork::sample_observed(std::span<const float> parameters, std::span<const float> context,
                                  std::span<double> theta, std::uint64_t seed, std::uint64_t first_sample,
                                  Workspace& workspace) const {
    const std::size_t D = scaling_.theta_dimensions;
    const std::size_t n = theta.size() / D;
    check_theta(theta, n);
    if (n == 0) return;
    const std::size_t block = block_size(n, 1);
    const SubnormalsAreZero subnormals_are_zero;
    Tape& tape = begin(parameters.data(), workspace, block, 1);
    spread(context, tape);
    Workspace::Memory& memory = workspace.memory();
    const RowList& noise = body_->noise_rows();
    for (std::size_t first = 0; first < n; first += block) {
        const std::size_t count = std::min(block, n - first);
        put_noise(tape, seed, first_sample + first);
        // Dimensions that are not known yet meet zero weights only, but must be numbers.
        if (theta_rows_ != noise) {
            for (const std::uint32_t r : theta_rows_) std::fill_n(tape.wide.values.row(r), block, 0.0F);
        }
        body_->sample(parameters.data(), tape);
        for (std::size_t k = 0; k < count; ++k) {
            for (std::size_t d = 0; d < D; ++d) memory.scaled[d] = tape.wide.values.row(theta_rows_[d])[k];
            scaling_.theta_values(memory.scaled.data(), theta.subspan((first + k) * D, D));
        }
    }
}

}  // namespace spikesmith::nets
