// Neural spline flow (Durkan et al. 2019): rational-quadratic coupling steps, each followed by a linear map L U x + b.
#include <algorithm>
#include <cmath>

#include "spikesmith/nets/body.hpp"

namespace spikesmith::nets {
namespace {

struct ResidualBlock {
    DenseLayer first, second, gate;
    RowList rectified;  // relu of the block's input
    RowList inner;      // relu of the first layer
    RowList outer;      // the second layer
    RowList gate_rows;  // context
};

struct Transform {
    DenseLayer from_theta, from_context, output;
    std::vector<ResidualBlock> blocks;
    RowList start_rows;             // context: from_context
    RowList x, x_gradient;          // input, D
    RowList kept, kept_gradient;    // of x: the conditioner's input
    RowList kept_coupled_gradient;  // their gradient as part of the coupling's output
    RowList raw_gradient;
    std::vector<std::size_t> moved;  // dimensions that the spline transforms
    std::vector<RowList> hidden;     // blocks + 1
    std::vector<RowList> raw;        // spline parameters of each moved dimension
    RowList raw_all;
    RowList coupled;        // the coupling's output
    RowList y, y_gradient;  // the linear map's output
    std::uint32_t log_volume = 0;
    std::size_t lower = 0, upper = 0, diagonal = 0, bias = 0;  // parameters of the linear map
    std::size_t matrix = 0;                                    // L U among the derived values
};

class Nsf final : public Body {
  public:
    Nsf(BodyShape shape, const DensityOptions& options, Builder& builder) : shape_(std::move(shape)) {
        const std::size_t D = shape_.dimensions;
        const std::size_t H = options.hidden_features;
        const std::size_t E = shape_.features.size();
        const std::size_t numbers = 3 * options.num_bins - 1;
        spline_ = {.bins = options.num_bins,
                   .bound = static_cast<float>(options.tail_bound),
                   .scale = static_cast<float>(1 / std::sqrt(static_cast<double>(H)))};
        for (RowList& rows : hidden_gradient_) rows = Builder::rows(builder.wide.gradients, H);
        coupled_gradient_ = Builder::rows(builder.wide.gradients, D);
        raw_gradient_ = Builder::rows(builder.wide.gradients, numbers * ((D + 1) / 2));
        const RowList buffers[2] = {Builder::rows(builder.wide.gradients, D), Builder::rows(builder.wide.gradients, D)};
        RowList x = shape_.theta;
        RowList x_gradient = shape_.theta;
        for (std::size_t k = 0; k < options.num_transforms; ++k) {
            Transform f;
            f.x = x;
            f.x_gradient = x_gradient;
            f.coupled = x;
            const std::size_t first = D == 1 ? 0 : k % 2;
            for (std::size_t d = 0; d < D; ++d) {
                if (d % 2 == first) {
                    f.moved.push_back(d);
                    f.coupled[d] = Builder::rows(builder.wide.values, 1)[0];
                    f.raw.push_back(Builder::rows(builder.wide.values, numbers));
                    f.raw_all = joined(f.raw_all, f.raw.back());
                } else {
                    f.kept.push_back(x[d]);
                    f.kept_gradient.push_back(x_gradient[d]);
                    f.kept_coupled_gradient.push_back(D > 1 ? coupled_gradient_[d] : buffers[k % 2][d]);
                }
            }
            f.from_theta = builder.dense(f.kept.size(), H, f.kept.size() + E, {}, false);
            f.from_context = builder.dense(E, H, f.kept.size() + E);
            f.start_rows = Builder::rows(builder.context_rows, H);
            f.hidden.push_back(Builder::rows(builder.wide.values, H));
            for (std::size_t b = 0; b < options.num_blocks.value_or(2); ++b) {
                ResidualBlock block;
                block.first = builder.dense(H, H);
                block.second = builder.dense_within(1e-3, H, H);
                block.gate = builder.dense(E, H);
                block.rectified = Builder::rows(builder.wide.values, H);
                block.inner = Builder::rows(builder.wide.values, H);
                block.outer = Builder::rows(builder.wide.values, H);
                block.gate_rows = Builder::rows(builder.context_rows, H);
                f.hidden.push_back(Builder::rows(builder.wide.values, H));
                f.blocks.push_back(std::move(block));
            }
            f.output = builder.dense(H, f.raw_all.size());
            f.raw_gradient.assign(raw_gradient_.begin(),
                                  raw_gradient_.begin() + static_cast<std::ptrdiff_t>(f.raw_all.size()));
            f.log_volume = Builder::rows(builder.wide.values, 1)[0];
            if (D > 1) {
                f.lower = builder.constants(D * (D - 1) / 2, 0.0F);
                f.upper = builder.constants(D * (D - 1) / 2, 0.0F);
                f.diagonal = builder.constants(D, static_cast<float>(std::log(std::expm1(1 - 1e-3))));
                f.bias = builder.constants(D, 0.0F);
                f.matrix = k * D * D;
                f.y = Builder::rows(builder.wide.values, D);
                f.y_gradient = buffers[k % 2];
            } else {
                f.y = f.coupled;
                f.y_gradient = buffers[k % 2];
            }
            x = f.y;
            x_gradient = f.y_gradient;
            transforms_.push_back(std::move(f));
        }
        squares_ = Builder::rows(builder.wide.values, 1)[0];
    }

    // The matrices L U, then as much space for their gradients.
    void prepare(const float* p, Tape& tape) const override {
        const std::size_t D = shape_.dimensions;
        tape.derived.assign(transforms_.size() * D * D + D * D, 0.0F);
        if (D == 1) return;
        for (const Transform& f : transforms_) {
            float* const matrix = tape.derived.data() + f.matrix;
            for (std::size_t i = 0; i < D; ++i) {
                for (std::size_t j = 0; j < D; ++j) {
                    double sum = 0;
                    for (std::size_t l = 0; l <= std::min(i, j); ++l) sum += lower(p, f, i, l) * upper(p, f, l, j);
                    matrix[i * D + j] = static_cast<float>(sum);
                }
            }
        }
    }

    void observe(const float* p, Tape& tape) const override {
        const Side& context = tape.context;
        for (const Transform& f : transforms_) {
            forward(context, f.from_context, p, shape_.features, f.start_rows);
            for (const ResidualBlock& block : f.blocks) {
                forward(context, block.gate, p, shape_.features, block.gate_rows);
                context.kernels->sigmoid(context.values.view(block.gate_rows), context.values.view(block.gate_rows),
                                         block.gate_rows.size(), context.lanes);
            }
        }
    }

    void evaluate(const float* p, Tape& tape, std::span<double> values) const override {
        const std::size_t D = shape_.dimensions;
        const Side& wide = tape.wide;
        double constant = -log_root_two_pi * static_cast<double>(D);
        for (const Transform& f : transforms_) {
            for (std::size_t d = 0; D > 1 && d < D; ++d) constant += std::log(diagonal(p, f, d));
        }
        std::fill(values.begin(), values.end(), constant);
        for (const Transform& f : transforms_) {
            condition(p, tape, f);
            float* const log_volume = wide.values.row(f.log_volume);
            std::fill_n(log_volume, wide.lanes, 0.0F);
            for (std::size_t m = 0; m < f.moved.size(); ++m) {
                const std::size_t d = f.moved[m];
                wide.kernels->spline(spline_, wide.values.view(f.raw[m]), wide.values.row(f.x[d]),
                                     wide.values.row(f.coupled[d]), wide.lanes, log_volume);
            }
            if (D > 1) {
                wide.kernels->affine(linear(p, tape, f), wide.values.view(f.coupled), Rows{}, wide.values.view(f.y),
                                     wide.lanes, Activation::none);
            }
            for (std::size_t lane = 0; lane < wide.lanes; ++lane) values[lane] += log_volume[lane];
        }
        float* const squares = wide.values.row(squares_);
        wide.kernels->gaussian(wide.values.view(transforms_.back().y), D, wide.lanes, squares);
        for (std::size_t lane = 0; lane < wide.lanes; ++lane) values[lane] += squares[lane];
    }

    void differentiate(const float* p, Tape& tape, const float* upstream, float* gradient) const override {
        const std::size_t D = shape_.dimensions;
        const Side& wide = tape.wide;
        const Transform& last = transforms_.back();
        wide.kernels->gaussian_gradient(wide.values.view(last.y), wide.gradients.view(last.y_gradient), D, wide.lanes,
                                        upstream);
        for (std::size_t k = transforms_.size(); k-- > 0;) {
            const Transform& f = transforms_[k];
            const RowList& coupled_gradient = D > 1 ? coupled_gradient_ : f.y_gradient;
            if (D > 1) {
                const Layer layer = linear(p, tape, f);
                if (gradient != nullptr) linear_gradient(p, tape, f, layer, upstream, gradient);
                wide.kernels->affine_transposed(layer, wide.gradients.view(f.y_gradient), wide.values.view(f.coupled),
                                                wide.gradients.view(coupled_gradient_), wide.lanes, false,
                                                Activation::none);
            }
            const RowList& raw_gradient = f.raw_gradient;
            for (std::size_t m = 0; m < f.moved.size(); ++m) {
                const std::size_t d = f.moved[m];
                Rows part = wide.gradients.view(raw_gradient);
                part.index += m * f.raw[m].size();
                wide.kernels->spline_gradient(spline_, wide.values.view(f.raw[m]), wide.values.row(f.x[d]), wide.lanes,
                                              wide.gradients.row(coupled_gradient[d]), upstream, part,
                                              wide.gradients.row(f.x_gradient[d]));
            }
            const RowList& h = hidden_gradient_[0];
            const RowList& t = hidden_gradient_[1];
            const RowList& inner = hidden_gradient_[2];
            if (gradient != nullptr) parameter_gradient(wide, f.output, raw_gradient, f.hidden.back(), gradient);
            input_gradient(wide, f.output, p, raw_gradient, f.hidden.back(), h, false);
            for (std::size_t b = f.blocks.size(); b-- > 0;) {
                const ResidualBlock& block = f.blocks[b];
                for (std::size_t m = 0; m < tape.repeats; ++m) {
                    const std::size_t lane = m * tape.block();
                    wide.kernels->gate_gradient(wide.gradients.view(h, lane), wide.values.view(block.outer, lane),
                                                tape.context.values.view(block.gate_rows), wide.gradients.view(t, lane),
                                                tape.context.gradients.view(block.gate_rows), h.size(), tape.block());
                }
                if (gradient != nullptr) parameter_gradient(wide, block.second, t, block.inner, gradient);
                input_gradient(wide, block.second, p, t, block.inner, inner, false, Activation::relu);
                if (gradient != nullptr) parameter_gradient(wide, block.first, inner, block.rectified, gradient);
                input_gradient(wide, block.first, p, inner, block.rectified, h, true, Activation::relu);
            }
            fold(tape, h, f.start_rows);
            if (f.kept.empty()) continue;
            if (gradient != nullptr) parameter_gradient(wide, f.from_theta, h, f.kept, gradient);
            input_gradient(wide, f.from_theta, p, h, f.kept, f.kept_gradient, false);
            wide.kernels->add(wide.gradients.view(f.kept_coupled_gradient), wide.gradients.view(f.kept_gradient),
                              f.kept.size(), wide.lanes);
        }
    }

    void differentiate_observation(const float* p, Tape& tape, float* gradient) const override {
        Side& context = tape.context;
        const auto back = [&](const DenseLayer& layer, const RowList& rows) {
            if (gradient != nullptr) parameter_gradient(context, layer, rows, shape_.features, gradient);
            input_gradient(context, layer, p, rows, shape_.features, shape_.features, true);
        };
        for (const Transform& f : transforms_) {
            back(f.from_context, f.start_rows);
            for (const ResidualBlock& block : f.blocks) back(block.gate, block.gate_rows);
        }
    }

    [[nodiscard]] const RowList& noise_rows() const override { return transforms_.back().y; }

    void sample(const float* p, Tape& tape) const override {
        const std::size_t D = shape_.dimensions;
        const Side& wide = tape.wide;
        std::vector<float> inverse(D * D);
        std::vector<float> shift(D);
        for (std::size_t k = transforms_.size(); k-- > 0;) {
            const Transform& f = transforms_[k];
            if (D > 1) {
                invert(p, f, inverse, shift);
                const Layer layer{.inputs = D,
                                  .outputs = D,
                                  .lengths = nullptr,
                                  .starts = nullptr,
                                  .weights = inverse.data(),
                                  .bias = shift.data()};
                wide.kernels->affine(layer, wide.values.view(f.y), Rows{}, wide.values.view(f.coupled), wide.lanes,
                                     Activation::none);
            }
            condition(p, tape, f);
            for (std::size_t m = 0; m < f.moved.size(); ++m) {
                const std::size_t d = f.moved[m];
                wide.kernels->spline_inverse(spline_, wide.values.view(f.raw[m]), wide.values.row(f.coupled[d]),
                                             wide.values.row(f.x[d]), wide.lanes);
            }
        }
    }

  private:
    // The spline's parameters from the kept dimensions.
    void condition(const float* p, Tape& tape, const Transform& f) const {
        const Side& wide = tape.wide;
        forward_with_context(tape, f.from_theta, p, f.kept, f.start_rows, f.hidden[0]);
        for (std::size_t b = 0; b < f.blocks.size(); ++b) {
            const ResidualBlock& block = f.blocks[b];
            wide.kernels->relu(wide.values.view(f.hidden[b]), wide.values.view(block.rectified), block.rectified.size(),
                               wide.lanes);
            forward(wide, block.first, p, block.rectified, block.inner, Activation::relu);
            forward(wide, block.second, p, block.inner, block.outer);
            for (std::size_t m = 0; m < tape.repeats; ++m) {
                const std::size_t lane = m * tape.block();
                wide.kernels->multiply_add(wide.values.view(block.outer, lane),
                                           tape.context.values.view(block.gate_rows),
                                           wide.values.view(f.hidden[b], lane), wide.values.view(f.hidden[b + 1], lane),
                                           block.outer.size(), tape.block());
            }
        }
        forward(wide, f.output, p, f.hidden.back(), f.raw_all);
    }

    [[nodiscard]] Layer linear(const float* p, const Tape& tape, const Transform& f) const {
        const std::size_t D = shape_.dimensions;
        return {.inputs = D,
                .outputs = D,
                .lengths = nullptr,
                .starts = nullptr,
                .weights = tape.derived.data() + f.matrix,
                .bias = p + f.bias};
    }
    // Entries of the unit lower and the upper triangular factor.
    [[nodiscard]] static double lower(const float* p, const Transform& f, std::size_t i, std::size_t j) {
        if (i == j) return 1;
        return static_cast<double>(p[f.lower + i * (i - 1) / 2 + j]);
    }
    [[nodiscard]] static double upper(const float* p, const Transform& f, std::size_t i, std::size_t j) {
        if (i == j) return diagonal(p, f, i);
        return static_cast<double>(p[f.upper + j * (j - 1) / 2 + i]);
    }
    [[nodiscard]] static double diagonal(const float* p, const Transform& f, std::size_t d) {
        const auto raw = static_cast<double>(p[f.diagonal + d]);
        return std::max(raw, 0.0) + std::log1p(std::exp(-std::fabs(raw))) + 1e-3;
    }

    void linear_gradient(const float* p, Tape& tape, const Transform& f, const Layer& layer, const float* upstream,
                         float* gradient) const {
        const std::size_t D = shape_.dimensions;
        const Side& wide = tape.wide;
        float* const g = tape.derived.data() + transforms_.size() * D * D;
        std::fill_n(g, D * D, 0.0F);
        wide.kernels->affine_gradient(layer, wide.gradients.view(f.y_gradient), wide.values.view(f.coupled), wide.lanes,
                                      1, 0, 0, g, gradient + f.bias);
        const auto total = static_cast<double>(wide.kernels->sum(upstream, wide.lanes));
        for (std::size_t i = 0; i < D; ++i) {
            for (std::size_t j = 0; j < i; ++j) {  // dL = G U', strictly lower
                double sum = 0;
                for (std::size_t l = j; l < D; ++l) sum += static_cast<double>(g[i * D + l]) * upper(p, f, j, l);
                gradient[f.lower + i * (i - 1) / 2 + j] += static_cast<float>(sum);
            }
            for (std::size_t j = i; j < D; ++j) {  // dU = L' G, upper
                double sum = 0;
                for (std::size_t l = i; l < D; ++l) sum += lower(p, f, l, i) * static_cast<double>(g[l * D + j]);
                if (i < j) {
                    gradient[f.upper + j * (j - 1) / 2 + i] += static_cast<float>(sum);
                } else {
                    const double logistic = 1 / (1 + std::exp(-static_cast<double>(p[f.diagonal + i])));
                    gradient[f.diagonal + i] += static_cast<float>((sum + total / diagonal(p, f, i)) * logistic);
                }
            }
        }
    }

    // (L U)^-1 and -(L U)^-1 b.
    void invert(const float* p, const Transform& f, std::vector<float>& inverse, std::vector<float>& shift) const {
        const std::size_t D = shape_.dimensions;
        std::vector<double> column(D);
        std::vector<double> offset(D, 0.0);
        for (std::size_t j = 0; j < D; ++j) {
            for (std::size_t i = 0; i < D; ++i) {
                column[i] = i == j ? 1 : 0;
                for (std::size_t l = 0; l < i; ++l) column[i] -= lower(p, f, i, l) * column[l];
            }
            for (std::size_t i = D; i-- > 0;) {
                for (std::size_t l = i + 1; l < D; ++l) column[i] -= upper(p, f, i, l) * column[l];
                column[i] /= diagonal(p, f, i);
            }
            for (std::size_t i = 0; i < D; ++i) {
                inverse[i * D + j] = static_cast<float>(column[i]);
                offset[i] -= column[i] * static_cast<double>(p[f.bias + j]);
            }
        }
        for (std::size_t i = 0; i < D; ++i) shift[i] = static_cast<float>(offset[i]);
    }

    BodyShape shape_;
    SplineShape spline_{};
    std::vector<Transform> transforms_;
    RowList hidden_gradient_[3];
    RowList coupled_gradient_, raw_gradient_;
    std::uint32_t squares_ = 0;
};

}  // namespace

std::unique_ptr<Body> make_nsf(const BodyShape& shape, const DensityOptions& options, Builder& builder) {
    return std::make_unique<Nsf>(shape, options, builder);
}

}  // namespace spikesmith::nets
