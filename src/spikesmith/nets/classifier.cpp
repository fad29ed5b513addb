// Classifiers whose logit is the log ratio (Hermans et al. 2020, Durkan et al. 2020): linear, multilayer perceptron with
// layer normalisation (Ba et al. 2016), residual network.
#include "spikesmith/nets/body.hpp"

namespace spikesmith::nets {
namespace {

// A stage after the first layer. mlp: y = relu(normalise(x)), then z = linear(y). resnet: y = relu(x),
// inner = relu(first(y)), z = x + second(inner).
struct Stage {
    DenseLayer first, second;
    std::size_t gain = 0, shift = 0;
    RowList x, y, inner;
    std::uint32_t mean = 0, inverse_deviation = 0;
};

class Classifier final : public Body {
  public:
    Classifier(BodyShape shape, ClassifierKind kind, const ClassifierOptions& options, Builder& builder)
        : shape_(std::move(shape)), residual_(kind == ClassifierKind::resnet) {
        const std::size_t D = shape_.dimensions;
        const std::size_t E = shape_.features.size();
        const std::size_t H = kind == ClassifierKind::linear ? 1 : options.hidden_features;
        from_theta_ = builder.dense(D, H, D + E, {}, false);
        from_context_ = builder.dense(E, H, D + E);
        context_rows_ = Builder::rows(builder.context_rows, H);
        start_ = Builder::rows(builder.wide.values, H);
        gradient_ = Builder::rows(builder.wide.gradients, H);
        inner_gradient_ = Builder::rows(builder.wide.gradients, H);
        out_gradient_ = Builder::rows(builder.wide.gradients, 1);
        RowList x = start_;
        for (std::size_t b = 0; kind != ClassifierKind::linear && b < options.num_blocks; ++b) {
            Stage stage;
            stage.x = x;
            stage.y = Builder::rows(builder.wide.values, H);
            if (residual_) {
                stage.first = builder.dense(H, H);
                stage.second = builder.dense_within(1e-3, H, H);
                stage.inner = Builder::rows(builder.wide.values, H);
                x = Builder::rows(builder.wide.values, H);
            } else {
                stage.gain = builder.constants(H, 1.0F);
                stage.shift = builder.constants(H, 0.0F);
                stage.mean = Builder::rows(builder.wide.values, 1)[0];
                stage.inverse_deviation = Builder::rows(builder.wide.values, 1)[0];
                x = stage.y;
                if (b + 1 < options.num_blocks) {
                    stage.first = builder.dense(H, H);
                    x = Builder::rows(builder.wide.values, H);
                }
            }
            stages_.push_back(std::move(stage));
        }
        last_ = x;
        linear_ = kind == ClassifierKind::linear;
        if (!linear_) output_ = builder.dense(H, 1);
        out_ = linear_ ? start_ : Builder::rows(builder.wide.values, 1);
    }

    void observe(const float* p, Tape& tape) const override {
        forward(tape.context, from_context_, p, shape_.features, context_rows_);
    }

    void evaluate(const float* p, Tape& tape, std::span<double> values) const override {
        const Side& wide = tape.wide;
        forward_with_context(tape, from_theta_, p, shape_.theta, context_rows_, start_);
        for (std::size_t b = 0; b < stages_.size(); ++b) {
            const Stage& stage = stages_[b];
            const RowList& next = b + 1 < stages_.size() ? stages_[b + 1].x : last_;
            if (residual_) {
                wide.kernels->relu(wide.values.view(stage.x), wide.values.view(stage.y), stage.y.size(), wide.lanes);
                forward(wide, stage.first, p, stage.y, stage.inner, Activation::relu);
                wide.kernels->affine(stage.second.view(p), wide.values.view(stage.inner), wide.values.view(stage.x),
                                     wide.values.view(next), wide.lanes, Activation::none);
            } else {
                wide.kernels->layer_norm(wide.values.view(stage.x), wide.values.view(stage.y), stage.y.size(),
                                         wide.lanes, p + stage.gain, p + stage.shift, wide.values.row(stage.mean),
                                         wide.values.row(stage.inverse_deviation), true);
                if (b + 1 < stages_.size()) forward(wide, stage.first, p, stage.y, next);
            }
        }
        if (!linear_) forward(wide, output_, p, last_, out_);
        const float* const out = wide.values.row(out_[0]);
        for (std::size_t lane = 0; lane < wide.lanes; ++lane) values[lane] = static_cast<double>(out[lane]);
    }

    void differentiate(const float* p, Tape& tape, const float* upstream, float* gradient) const override {
        Side& wide = tape.wide;
        std::copy_n(upstream, wide.lanes, wide.gradients.row(linear_ ? gradient_[0] : out_gradient_[0]));
        if (!linear_) {
            if (gradient != nullptr) parameter_gradient(wide, output_, out_gradient_, last_, gradient);
            input_gradient(wide, output_, p, out_gradient_, last_, gradient_, false);
        }
        for (std::size_t b = stages_.size(); b-- > 0;) {
            if (residual_) {
                differentiate_residual(p, wide, stages_[b], gradient);
            } else {
                differentiate_normalised(p, tape, stages_[b], b + 1 < stages_.size(), gradient);
            }
        }
        fold(tape, gradient_, context_rows_);
        if (gradient != nullptr) parameter_gradient(wide, from_theta_, gradient_, shape_.theta, gradient);
        input_gradient(wide, from_theta_, p, gradient_, shape_.theta, shape_.theta, false);
    }

    void differentiate_observation(const float* p, Tape& tape, float* gradient) const override {
        if (gradient != nullptr)
            parameter_gradient(tape.context, from_context_, context_rows_, shape_.features, gradient);
        input_gradient(tape.context, from_context_, p, context_rows_, shape_.features, shape_.features, true);
    }

    void sample(const float* /*parameters*/, Tape& /*tape*/) const override {}
    [[nodiscard]] const RowList& noise_rows() const override { return shape_.theta; }

  private:
    void differentiate_residual(const float* p, Side& wide, const Stage& stage, float* gradient) const {
        if (gradient != nullptr) parameter_gradient(wide, stage.second, gradient_, stage.inner, gradient);
        input_gradient(wide, stage.second, p, gradient_, stage.inner, inner_gradient_, false, Activation::relu);
        if (gradient != nullptr) parameter_gradient(wide, stage.first, inner_gradient_, stage.y, gradient);
        input_gradient(wide, stage.first, p, inner_gradient_, stage.y, gradient_, true, Activation::relu);
    }

    void differentiate_normalised(const float* p, Tape& tape, const Stage& stage, bool has_linear,
                                  float* gradient) const {
        const Side& wide = tape.wide;
        if (has_linear) {
            if (gradient != nullptr) parameter_gradient(wide, stage.first, gradient_, stage.y, gradient);
            input_gradient(wide, stage.first, p, gradient_, stage.y, inner_gradient_, false);
            const Rows target = wide.gradients.view(gradient_);
            for (std::size_t r = 0; r < gradient_.size(); ++r) {
                std::copy_n(wide.gradients.row(inner_gradient_[r]), wide.lanes,
                            target.base + target.index[r] * target.stride);
            }
        }
        wide.kernels->relu_gradient(wide.values.view(stage.y), wide.gradients.view(gradient_), gradient_.size(),
                                    wide.lanes);
        const std::size_t H = gradient_.size();
        if (gradient == nullptr) tape.derived.resize(2 * H);
        float* const gain = gradient != nullptr ? gradient + stage.gain : tape.derived.data();
        float* const shift = gradient != nullptr ? gradient + stage.shift : tape.derived.data() + H;
        wide.kernels->layer_norm_gradient(wide.values.view(stage.x), wide.gradients.view(gradient_), H, wide.lanes,
                                          p + stage.gain, wide.values.row(stage.mean),
                                          wide.values.row(stage.inverse_deviation), gain, shift);
    }

    BodyShape shape_;
    bool residual_ = false;
    bool linear_ = false;
    DenseLayer from_theta_, from_context_, output_;
    RowList context_rows_, start_, last_, out_;
    std::vector<Stage> stages_;
    RowList gradient_, inner_gradient_, out_gradient_;
};

}  // namespace

std::unique_ptr<Body> make_classifier(const BodyShape& shape, ClassifierKind kind, const ClassifierOptions& options,
                                      Builder& builder) {
    return std::make_unique<Classifier>(shape, kind, options, builder);
}

}  // namespace spikesmith::nets
