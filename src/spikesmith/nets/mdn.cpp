// Mixture density network (Bishop 1994) with full precision matrices: P = A'A, A upper triangular.
#include <algorithm>
#include <cmath>

#include "spikesmith/nets/body.hpp"
#include "spikesmith/nets/mixture_access.hpp"

namespace spikesmith::nets {
namespace {

class Mdn final : public Body, public MixtureAccess {
  public:
    Mdn(BodyShape shape, const DensityOptions& options, Builder& builder) : shape_(std::move(shape)) {
        const std::size_t D = shape_.dimensions;
        const std::size_t H = options.hidden_features;
        mixture_ = {.components = options.num_components, .dimensions = D};
        const std::size_t K = mixture_.components;
        hidden_.push_back(shape_.features);
        for (std::size_t b = 0; b < options.num_blocks.value_or(2); ++b) {
            layers_.push_back(builder.dense(hidden_.back().size(), H));
            hidden_.push_back(Builder::rows(builder.context_rows, H));
        }
        const std::size_t last = hidden_.back().size();
        logits_ = Builder::rows(builder.context_rows, K);
        means_ = Builder::rows(builder.context_rows, K * D);
        diagonals_ = Builder::rows(builder.context_rows, K * D);
        uppers_ = Builder::rows(builder.context_rows, K * D * (D - 1) / 2);
        heads_ = joined(joined(logits_, means_), joined(diagonals_, uppers_));
        // The start: nearly equal weights, identity covariances.
        head_layers_ = {builder.dense_about(1e-2, 0.0F, last, K), builder.dense(last, K * D),
                        builder.dense_about(1e-2, static_cast<float>(std::log(std::expm1(1 - 1e-4))), last, K * D)};
        if (D > 1) head_layers_.push_back(builder.dense_about(1e-2, 0.0F, last, uppers_.size()));
        scratch_ = Builder::rows(builder.wide.values, K + 2 * D);
        out_ = Builder::rows(builder.wide.values, 1)[0];
        noise_ = Builder::rows(builder.wide.values, D + 1);
    }

    void observe(const float* p, Tape& tape) const override {
        const Side& context = tape.context;
        for (std::size_t b = 0; b < layers_.size(); ++b)
            forward(context, layers_[b], p, hidden_[b], hidden_[b + 1], Activation::relu);
        for (std::size_t h = 0; h < head_layers_.size(); ++h)
            forward(context, head_layers_[h], p, hidden_.back(), head_rows(h));
        context.kernels->log_softmax(context.values.view(logits_), logits_.size(), context.lanes);
        context.kernels->softplus(context.values.view(diagonals_), context.values.view(diagonals_), diagonals_.size(),
                                  context.lanes);
    }

    void evaluate(const float* /*parameters*/, Tape& tape, std::span<double> values) const override {
        const Side& wide = tape.wide;
        float* const out = wide.values.row(out_);
        for (std::size_t m = 0; m < tape.repeats; ++m) {
            const std::size_t lane = m * tape.block();
            wide.kernels->mdn(mixture_, tape.context.values.view(heads_), wide.values.view(shape_.theta, lane),
                              tape.block(), wide.values.view(scratch_, lane), out + lane);
        }
        const double constant = -log_root_two_pi * static_cast<double>(shape_.dimensions);
        for (std::size_t lane = 0; lane < wide.lanes; ++lane) values[lane] = constant + static_cast<double>(out[lane]);
    }

    void differentiate(const float* /*parameters*/, Tape& tape, const float* upstream,
                       float* /*gradient*/) const override {
        const Side& wide = tape.wide;
        for (std::size_t m = 0; m < tape.repeats; ++m) {
            const std::size_t lane = m * tape.block();
            wide.kernels->mdn_gradient(mixture_, tape.context.values.view(heads_), wide.values.view(shape_.theta, lane),
                                       tape.block(), wide.values.view(scratch_, lane), wide.values.row(out_) + lane,
                                       upstream + lane, tape.context.gradients.view(heads_),
                                       wide.gradients.view(shape_.theta, lane));
        }
    }

    void differentiate_observation(const float* p, Tape& tape, float* gradient) const override {
        const Side& context = tape.context;
        context.kernels->log_softmax_gradient(context.values.view(logits_), context.gradients.view(logits_),
                                              logits_.size(), context.lanes);
        context.kernels->softplus_gradient(context.values.view(diagonals_), context.gradients.view(diagonals_),
                                           diagonals_.size(), context.lanes);
        for (std::size_t h = 0; h < head_layers_.size(); ++h) {
            if (gradient != nullptr)
                parameter_gradient(context, head_layers_[h], head_rows(h), hidden_.back(), gradient);
            input_gradient(context, head_layers_[h], p, head_rows(h), hidden_.back(), hidden_.back(), true);
        }
        for (std::size_t b = layers_.size(); b-- > 0;) {
            context.kernels->relu_gradient(context.values.view(hidden_[b + 1]), context.gradients.view(hidden_[b + 1]),
                                           hidden_[b + 1].size(), context.lanes);
            if (gradient != nullptr) parameter_gradient(context, layers_[b], hidden_[b + 1], hidden_[b], gradient);
            input_gradient(context, layers_[b], p, hidden_[b + 1], hidden_[b], hidden_[b], true);
        }
    }

    [[nodiscard]] std::size_t uniforms() const override { return 1; }
    [[nodiscard]] const RowList& noise_rows() const override { return noise_; }

    void sample(const float* /*parameters*/, Tape& tape) const override {
        const std::size_t D = shape_.dimensions;
        const Side& wide = tape.wide;
        std::vector<double> offset(D);
        for (std::size_t lane = 0; lane < wide.lanes; ++lane) {
            const GaussianMixture mixture = at_lane(tape, lane % tape.block());
            const auto choice = static_cast<double>(wide.values.row(noise_[D])[lane]);
            double reached = 0;
            std::size_t k = 0;
            for (; k + 1 < mixture.components; ++k) {
                reached += std::exp(mixture.log_weights[k]);
                if (choice < reached) break;
            }
            const double* const factor = mixture.precision_factors.data() + k * D * D;
            for (std::size_t i = D; i-- > 0;) {  // A offset = normal
                double sum = static_cast<double>(wide.values.row(noise_[i])[lane]);
                for (std::size_t j = i + 1; j < D; ++j) sum -= factor[i * D + j] * offset[j];
                offset[i] = sum / factor[i * D + i];
                wide.values.row(shape_.theta[i])[lane] = static_cast<float>(mixture.means[k * D + i] + offset[i]);
            }
        }
    }

    [[nodiscard]] GaussianMixture at_lane(const Tape& tape, std::size_t lane) const override {
        const std::size_t K = mixture_.components;
        const std::size_t D = mixture_.dimensions;
        const auto value = [&](const RowList& rows, std::size_t r) {
            return static_cast<double>(tape.context.values.row(rows[r])[lane]);
        };
        GaussianMixture result{.components = K, .dimensions = D};
        result.precision_factors.assign(K * D * D, 0.0);
        std::size_t entry = 0;
        for (std::size_t k = 0; k < K; ++k) {
            result.log_weights.push_back(value(logits_, k));
            for (std::size_t i = 0; i < D; ++i) {
                result.means.push_back(value(means_, k * D + i));
                double* const row = result.precision_factors.data() + (k * D + i) * D;
                row[i] = std::max(1e-30, value(diagonals_, k * D + i));
                for (std::size_t j = i + 1; j < D; ++j) row[j] = value(uppers_, entry++);
            }
        }
        return result;
    }

    void set_gradient(Tape& tape, std::size_t lane, const GaussianMixture& derivatives) const override {
        const std::size_t K = mixture_.components;
        const std::size_t D = mixture_.dimensions;
        const auto set = [&](const RowList& rows, std::size_t r, double value) {
            tape.context.gradients.row(rows[r])[lane] = static_cast<float>(value);
        };
        std::size_t entry = 0;
        for (std::size_t k = 0; k < K; ++k) {
            set(logits_, k, derivatives.log_weights[k]);
            for (std::size_t i = 0; i < D; ++i) {
                set(means_, k * D + i, derivatives.means[k * D + i]);
                const double* const row = derivatives.precision_factors.data() + (k * D + i) * D;
                set(diagonals_, k * D + i, row[i]);
                for (std::size_t j = i + 1; j < D; ++j) set(uppers_, entry++, row[j]);
            }
        }
    }

  private:
    [[nodiscard]] const RowList& head_rows(std::size_t h) const {
        if (h == 0) return logits_;
        if (h == 1) return means_;
        return h == 2 ? diagonals_ : uppers_;
    }

    BodyShape shape_;
    MixtureShape mixture_{};
    std::vector<DenseLayer> layers_;
    std::vector<DenseLayer> head_layers_;
    std::vector<RowList> hidden_;  // the features, then each layer's rows
    RowList logits_, means_, diagonals_, uppers_, heads_;
    RowList scratch_, noise_;
    std::uint32_t out_ = 0;
};

}  // namespace

std::unique_ptr<Body> make_mdn(const BodyShape& shape, const DensityOptions& options, Builder& builder) {
    return std::make_unique<Mdn>(shape, options, builder);
}

}  // namespace spikesmith::nets
