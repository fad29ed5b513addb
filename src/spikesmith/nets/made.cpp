// Masked autoregressive mixture (Germain et al. 2015): each dimension has a mixture of Gaussians whose numbers a masked
// residual network computes from the dimensions before it and the features of x. The first dimension sees the features
// too, as if a constant input came before it.
#include <algorithm>
#include <cmath>
#include <utility>

#include "spikesmith/nets/body.hpp"
#include "spikesmith/nets/scaling.hpp"

namespace spikesmith::nets {
namespace {

// The value of a component of density_kernels.hpp, cut at the interval, whose distribution function there is that of a normal
// `noise`.
float cut_normal(Interval interval, float raw_mean, float deviation, float noise) {
    const double lower = interval.lower;
    const double upper = interval.upper;
    const double middle = (lower + upper) / 2;
    const double reach = 1.5 * (upper - lower);
    const double mean = middle + reach * std::tanh((static_cast<double>(raw_mean) - middle) / reach);
    const double inverse = 1 / (static_cast<double>(deviation) + 1e-2) + 0.125 / (upper - lower);
    double a = (lower - mean) * inverse;
    double b = (upper - mean) * inverse;
    double x = noise;
    const bool mirrored = a + b < 0;
    if (mirrored) {
        std::swap(a, b);
        a = -a, b = -b, x = -x;
    }
    const double above = normal_share(-x);  // of the cut density, above the value
    const double from_a = a < 30
                              ? -normal_quantile(normal_share(-b) + above * (normal_share(-a) - normal_share(-b))) - a
                              : -std::log(above + (1 - above) * std::exp(a * (a - b))) / a;  // nearly exponential
    const double from_mean = mirrored ? -(a + from_a) : a + from_a;
    return static_cast<float>(std::clamp(mean + from_mean / inverse, lower, upper));
}

struct ResidualBlock {
    DenseLayer context, first, second;
    RowList context_rows;
    RowList rectified, inner;  // relu of the block's input, of the first layer
};

class Made final : public Body {
  public:
    Made(BodyShape shape, const DensityOptions& options, Builder& builder) : shape_(std::move(shape)) {
        const std::size_t D = shape_.dimensions;
        const std::size_t H = options.hidden_features;
        const std::size_t E = shape_.features.size();
        components_ = options.num_components;
        // Degrees 1 ... D, sorted; dimension d (from 0) has degree d + 2, the constant input degree 1.
        std::vector<std::size_t> degrees(H);
        for (std::size_t j = 0; j < H; ++j) degrees[j] = j % D + 1;
        std::sort(degrees.begin(), degrees.end());
        const auto up_to = [&](std::size_t degree) {
            return static_cast<std::uint32_t>(std::upper_bound(degrees.begin(), degrees.end(), degree) -
                                              degrees.begin());
        };
        std::vector<std::uint32_t> from_theta(H);
        std::vector<std::uint32_t> from_hidden(H);
        std::vector<std::uint32_t> to_output;
        for (std::size_t j = 0; j < H; ++j) {
            from_theta[j] = static_cast<std::uint32_t>(degrees[j] - 1);
            from_hidden[j] = up_to(degrees[j]);
        }
        for (std::size_t d = 0; d < D; ++d) {
            known_.push_back(up_to(d + 1));
            to_output.insert(to_output.end(), 3 * components_, known_.back());
            raw_.push_back(Builder::rows(builder.wide.values, 3 * components_));
            raw_all_ = joined(raw_all_, raw_.back());
        }
        input_ = builder.dense(D, H, D + 1, from_theta);
        context_ = builder.dense(E, H);
        context_rows_ = Builder::rows(builder.context_rows, H);
        hidden_.push_back(Builder::rows(builder.wide.values, H));
        for (std::size_t b = 0; b < options.num_blocks.value_or(5); ++b) {
            ResidualBlock block;
            block.context = builder.dense(E, H);
            block.first = builder.dense(H, H, 0, from_hidden);
            block.second = builder.dense(H, H, 0, from_hidden);
            block.context_rows = Builder::rows(builder.context_rows, H);
            block.rectified = Builder::rows(builder.wide.values, H);
            block.inner = Builder::rows(builder.wide.values, H);
            hidden_.push_back(Builder::rows(builder.wide.values, H));
            blocks_.push_back(std::move(block));
        }
        output_ = builder.dense(H, raw_all_.size(), 0, to_output);
        out_ = Builder::rows(builder.wide.values, 1)[0];
        noise_ = Builder::rows(builder.wide.values, 2 * D);
        hidden_gradient_ = Builder::rows(builder.wide.gradients, H);
        inner_gradient_ = Builder::rows(builder.wide.gradients, H);
        raw_gradient_ = Builder::rows(builder.wide.gradients, raw_all_.size());
        direct_gradient_ = Builder::rows(builder.wide.gradients, D);
    }

    void observe(const float* p, Tape& tape) const override {
        forward(tape.context, context_, p, shape_.features, context_rows_);
        for (const ResidualBlock& block : blocks_)
            forward(tape.context, block.context, p, shape_.features, block.context_rows);
    }

    void evaluate(const float* p, Tape& tape, std::span<double> values) const override {
        const Side& wide = tape.wide;
        forward_with_context(tape, input_, p, shape_.theta, context_rows_, hidden_[0]);
        for (std::size_t b = 0; b < blocks_.size(); ++b) {
            const ResidualBlock& block = blocks_[b];
            wide.kernels->relu(wide.values.view(hidden_[b]), wide.values.view(block.rectified), block.rectified.size(),
                               wide.lanes);
            forward_with_context(tape, block.first, p, block.rectified, block.context_rows, block.inner,
                                 Activation::relu);
            wide.kernels->affine(block.second.view(p), wide.values.view(block.inner), wide.values.view(hidden_[b]),
                                 wide.values.view(hidden_[b + 1]), wide.lanes, Activation::none);
        }
        forward(wide, output_, p, hidden_.back(), raw_all_);
        float* const out = wide.values.row(out_);
        std::fill_n(out, wide.lanes, 0.0F);
        for (std::size_t d = 0; d < shape_.dimensions; ++d) {
            wide.kernels->mixture(components_, shape_.cut[d], wide.values.view(raw_[d]),
                                  wide.values.row(shape_.theta[d]), wide.lanes, out);
        }
        const double constant = -log_root_two_pi * static_cast<double>(shape_.dimensions);
        for (std::size_t lane = 0; lane < wide.lanes; ++lane) values[lane] = constant + static_cast<double>(out[lane]);
    }

    void differentiate(const float* p, Tape& tape, const float* upstream, float* gradient) const override {
        const Side& wide = tape.wide;
        for (std::size_t d = 0; d < shape_.dimensions; ++d) {
            Rows part = wide.gradients.view(raw_gradient_);
            part.index += d * 3 * components_;
            wide.kernels->mixture_gradient(components_, shape_.cut[d], wide.values.view(raw_[d]),
                                           wide.values.row(shape_.theta[d]), wide.lanes, upstream, part,
                                           wide.gradients.row(direct_gradient_[d]));
        }
        if (gradient != nullptr) parameter_gradient(wide, output_, raw_gradient_, hidden_.back(), gradient);
        input_gradient(wide, output_, p, raw_gradient_, hidden_.back(), hidden_gradient_, false);
        for (std::size_t b = blocks_.size(); b-- > 0;) {
            const ResidualBlock& block = blocks_[b];
            if (gradient != nullptr) parameter_gradient(wide, block.second, hidden_gradient_, block.inner, gradient);
            input_gradient(wide, block.second, p, hidden_gradient_, block.inner, inner_gradient_, false,
                           Activation::relu);
            fold(tape, inner_gradient_, block.context_rows);
            if (gradient != nullptr) parameter_gradient(wide, block.first, inner_gradient_, block.rectified, gradient);
            input_gradient(wide, block.first, p, inner_gradient_, block.rectified, hidden_gradient_, true,
                           Activation::relu);
        }
        fold(tape, hidden_gradient_, context_rows_);
        if (gradient != nullptr) parameter_gradient(wide, input_, hidden_gradient_, shape_.theta, gradient);
        input_gradient(wide, input_, p, hidden_gradient_, shape_.theta, shape_.theta, false);
        wide.kernels->add(wide.gradients.view(direct_gradient_), wide.gradients.view(shape_.theta), shape_.dimensions,
                          wide.lanes);
    }

    void differentiate_observation(const float* p, Tape& tape, float* gradient) const override {
        const auto back = [&](const DenseLayer& layer, const RowList& rows) {
            if (gradient != nullptr) parameter_gradient(tape.context, layer, rows, shape_.features, gradient);
            input_gradient(tape.context, layer, p, rows, shape_.features, shape_.features, true);
        };
        back(context_, context_rows_);
        for (const ResidualBlock& block : blocks_) back(block.context, block.context_rows);
    }

    [[nodiscard]] std::size_t uniforms() const override { return shape_.dimensions; }
    [[nodiscard]] const RowList& noise_rows() const override { return noise_; }

    void sample(const float* p, Tape& tape) const override {
        Side& wide = tape.wide;
        const std::size_t D = shape_.dimensions;
        const auto part = [](const RowList& rows, std::size_t first, const Arena& arena, std::size_t lane) {
            Rows view = arena.view(rows, lane);
            view.index += first;
            return view;
        };
        std::size_t done = 0;
        for (std::size_t d = 0; d < D; ++d) {
            const std::size_t count = known_[d] - done;
            for (std::size_t m = 0; count > 0 && m < tape.repeats; ++m) {
                const std::size_t lane = m * tape.block();
                wide.kernels->affine(input_.view(p, done, count), wide.values.view(shape_.theta, lane),
                                     part(context_rows_, done, tape.context.values, 0),
                                     part(hidden_[0], done, wide.values, lane), tape.block(), Activation::none);
                for (std::size_t b = 0; b < blocks_.size(); ++b) {
                    const ResidualBlock& block = blocks_[b];
                    wide.kernels->relu(part(hidden_[b], done, wide.values, lane),
                                       part(block.rectified, done, wide.values, lane), count, tape.block());
                    wide.kernels->affine(block.first.view(p, done, count), wide.values.view(block.rectified, lane),
                                         part(block.context_rows, done, tape.context.values, 0),
                                         part(block.inner, done, wide.values, lane), tape.block(), Activation::relu);
                    wide.kernels->affine(block.second.view(p, done, count), wide.values.view(block.inner, lane),
                                         part(hidden_[b], done, wide.values, lane),
                                         part(hidden_[b + 1], done, wide.values, lane), tape.block(), Activation::none);
                }
            }
            done += count;
            const std::size_t numbers = 3 * components_;
            wide.kernels->affine(output_.view(p, d * numbers, numbers), wide.values.view(hidden_.back()), Rows{},
                                 wide.values.view(raw_[d]), wide.lanes, Activation::none);
            draw(wide, d);
        }
    }

  private:
    // Dimension d of all samples from its mixture.
    void draw(Side& wide, std::size_t d) const {
        const std::size_t K = components_;
        const RowList logits(raw_[d].begin(), raw_[d].begin() + static_cast<std::ptrdiff_t>(K));
        const RowList deviations(raw_[d].begin() + static_cast<std::ptrdiff_t>(2 * K), raw_[d].end());
        wide.kernels->log_softmax(wide.values.view(logits), K, wide.lanes);
        wide.kernels->softplus(wide.values.view(deviations), wide.values.view(deviations), K, wide.lanes);
        for (std::size_t lane = 0; lane < wide.lanes; ++lane) {
            const auto choice = static_cast<double>(wide.values.row(noise_[shape_.dimensions + d])[lane]);
            double reached = 0;
            std::size_t k = 0;
            for (; k + 1 < K; ++k) {
                reached += std::exp(static_cast<double>(wide.values.row(logits[k])[lane]));
                if (choice < reached) break;
            }
            const float mean = wide.values.row(raw_[d][K + k])[lane];
            const float deviation = wide.values.row(deviations[k])[lane];
            const float noise = wide.values.row(noise_[d])[lane];
            wide.values.row(shape_.theta[d])[lane] = std::isfinite(shape_.cut[d].lower)
                                                         ? cut_normal(shape_.cut[d], mean, deviation, noise)
                                                         : mean + (deviation + 1e-2F) * noise;
        }
    }

    BodyShape shape_;
    std::size_t components_ = 0;
    std::vector<std::uint32_t> known_;  // hidden units that depend on dimensions before d only
    DenseLayer input_, context_, output_;
    std::vector<ResidualBlock> blocks_;
    RowList context_rows_, raw_all_, noise_;
    std::vector<RowList> hidden_, raw_;
    RowList hidden_gradient_, inner_gradient_, raw_gradient_, direct_gradient_;
    std::uint32_t out_ = 0;
};

}  // namespace

std::unique_ptr<Body> make_made(const BodyShape& shape, const DensityOptions& options, Builder& builder) {
    return std::make_unique<Made>(shape, options, builder);
}

}  // namespace spikesmith::nets
