// Masked autoregressive flow (Papamakarios et al. 2017): affine steps whose scales and shifts a masked network computes
// from the earlier dimensions (Germain et al. 2015) and the features of x; a fixed permutation after each.
#include <algorithm>

#include "spikesmith/math/random_stream.hpp"
#include "spikesmith/nets/body.hpp"

namespace spikesmith::nets {
namespace {

struct Transform {
    DenseLayer context, input, output;
    std::vector<DenseLayer> blocks;
    RowList context_rows;         // tanh of the context layer
    RowList x;                    // input, wide
    std::vector<RowList> hidden;  // blocks + 1
    RowList u, t, scale;          // t becomes y
    RowList numbers;              // u_0, t_0, u_1, t_1, ...: the output layer's rows
    RowList inverse_numbers;      // the same with t in the rows of `scale`, for the inverse, which needs y
    RowList x_gradient, y_gradient, numbers_gradient;
    std::uint32_t log_volume = 0;
};

class Maf final : public Body {
  public:
    Maf(BodyShape shape, const DensityOptions& options, std::uint64_t seed, Builder& builder)
        : shape_(std::move(shape)) {
        const std::size_t D = shape_.dimensions;
        const std::size_t H = options.hidden_features;
        const std::size_t E = shape_.features.size();
        // Degrees 0 ... D - 1; a unit of degree d sees the features and the first d dimensions. Those of degree 0 condition the
        // first dimension on x, which with degrees 1 ... D - 1 alone would be blind to it. Sorted: masks are row prefixes.
        std::vector<std::size_t> degrees(H);
        for (std::size_t j = 0; j < H; ++j) degrees[j] = j % D;
        std::sort(degrees.begin(), degrees.end());
        const auto up_to = [&](std::size_t degree) {
            return static_cast<std::uint32_t>(std::upper_bound(degrees.begin(), degrees.end(), degree) -
                                              degrees.begin());
        };
        std::vector<std::uint32_t> from_theta(H);
        std::vector<std::uint32_t> from_hidden(H);
        std::vector<std::uint32_t> to_output;
        for (std::size_t j = 0; j < H; ++j) {
            from_theta[j] = static_cast<std::uint32_t>(degrees[j]);
            from_hidden[j] = up_to(degrees[j]);
        }
        for (std::size_t d = 0; d < D; ++d) {
            known_.push_back(up_to(d));
            to_output.insert(to_output.end(), 2, up_to(d));
        }

        hidden_gradient_[0] = Builder::rows(builder.wide.gradients, H);
        hidden_gradient_[1] = Builder::rows(builder.wide.gradients, H);
        u_gradient_ = Builder::rows(builder.wide.gradients, D);
        const RowList buffers[2] = {Builder::rows(builder.wide.gradients, D), Builder::rows(builder.wide.gradients, D)};
        RowList x = shape_.theta;
        RowList x_gradient = shape_.theta;
        for (std::size_t k = 0; k < options.num_transforms; ++k) {
            Transform transform;
            transform.context = builder.dense(E, H);
            transform.input = builder.dense(D, H, 0, from_theta);
            for (std::size_t b = 0; b < options.num_blocks.value_or(2); ++b)
                transform.blocks.push_back(builder.dense(H, H, 0, from_hidden));
            transform.output = builder.dense(H, 2 * D, 0, to_output);
            transform.context_rows = Builder::rows(builder.context_rows, H);
            transform.x = x;
            transform.x_gradient = x_gradient;
            for (std::size_t b = 0; b <= transform.blocks.size(); ++b)
                transform.hidden.push_back(Builder::rows(builder.wide.values, H));
            transform.u = Builder::rows(builder.wide.values, D);
            transform.t = Builder::rows(builder.wide.values, D);
            transform.scale = Builder::rows(builder.wide.values, D);
            transform.log_volume = Builder::rows(builder.wide.values, 1)[0];
            transform.y_gradient = buffers[k % 2];
            for (std::size_t d = 0; d < D; ++d) {
                transform.numbers.insert(transform.numbers.end(), {transform.u[d], transform.t[d]});
                transform.inverse_numbers.insert(transform.inverse_numbers.end(), {transform.u[d], transform.scale[d]});
                transform.numbers_gradient.insert(transform.numbers_gradient.end(),
                                                  {u_gradient_[d], transform.y_gradient[d]});
            }
            x = transform.t;
            x_gradient = transform.y_gradient;
            permute(k, seed, x, x_gradient);
            transforms_.push_back(std::move(transform));
        }
        z_ = std::move(x);
        z_gradient_ = std::move(x_gradient);
        squares_ = Builder::rows(builder.wide.values, 1)[0];
    }

    void observe(const float* p, Tape& tape) const override {
        for (const Transform& f : transforms_)
            forward(tape.context, f.context, p, shape_.features, f.context_rows, Activation::tanh);
    }

    void evaluate(const float* p, Tape& tape, std::span<double> values) const override {
        const Side& wide = tape.wide;
        std::fill(values.begin(), values.end(), -log_root_two_pi * static_cast<double>(shape_.dimensions));
        for (const Transform& f : transforms_) {
            forward_with_context(tape, f.input, p, f.x, f.context_rows, f.hidden[0], Activation::tanh);
            for (std::size_t b = 0; b < f.blocks.size(); ++b)
                forward(wide, f.blocks[b], p, f.hidden[b], f.hidden[b + 1], Activation::tanh);
            forward(wide, f.output, p, f.hidden.back(), f.numbers);
            float* const log_volume = wide.values.row(f.log_volume);
            wide.kernels->autoregressive(wide.values.view(f.u), wide.values.view(f.t), wide.values.view(f.x),
                                         wide.values.view(f.scale), shape_.dimensions, wide.lanes, log_volume);
            for (std::size_t lane = 0; lane < wide.lanes; ++lane) values[lane] += log_volume[lane];
        }
        float* const squares = wide.values.row(squares_);
        wide.kernels->gaussian(wide.values.view(z_), shape_.dimensions, wide.lanes, squares);
        for (std::size_t lane = 0; lane < wide.lanes; ++lane) values[lane] += squares[lane];
    }

    void differentiate(const float* p, Tape& tape, const float* upstream, float* gradient) const override {
        const Side& wide = tape.wide;
        wide.kernels->gaussian_gradient(wide.values.view(z_), wide.gradients.view(z_gradient_), shape_.dimensions,
                                        wide.lanes, upstream);
        for (std::size_t k = transforms_.size(); k-- > 0;) {
            const Transform& f = transforms_[k];
            wide.kernels->autoregressive_gradient(wide.values.view(f.u), wide.values.view(f.x),
                                                  wide.values.view(f.scale), wide.gradients.view(f.y_gradient),
                                                  wide.gradients.view(u_gradient_), wide.gradients.view(f.x_gradient),
                                                  shape_.dimensions, wide.lanes, upstream);
            const RowList* above = &f.numbers_gradient;
            const DenseLayer* layer = &f.output;
            std::size_t buffer = 0;
            for (std::size_t b = f.hidden.size(); b-- > 0;) {
                if (gradient != nullptr) parameter_gradient(wide, *layer, *above, f.hidden[b], gradient);
                input_gradient(wide, *layer, p, *above, f.hidden[b], hidden_gradient_[buffer], false, Activation::tanh);
                above = &hidden_gradient_[buffer];
                buffer = 1 - buffer;
                if (b > 0) layer = &f.blocks[b - 1];
            }
            if (gradient != nullptr) parameter_gradient(wide, f.input, *above, f.x, gradient);
            input_gradient(wide, f.input, p, *above, f.x, f.x_gradient, true);
            fold(tape, *above, f.context_rows);
        }
    }

    void differentiate_observation(const float* p, Tape& tape, float* gradient) const override {
        const Side& context = tape.context;
        for (const Transform& f : transforms_) {
            context.kernels->tanh_gradient(context.values.view(f.context_rows), context.gradients.view(f.context_rows),
                                           f.context_rows.size(), context.lanes);
            if (gradient != nullptr) parameter_gradient(context, f.context, f.context_rows, shape_.features, gradient);
            input_gradient(context, f.context, p, f.context_rows, shape_.features, shape_.features, true);
        }
    }

    [[nodiscard]] const RowList& noise_rows() const override { return z_; }

    // Dimension after dimension; each hidden unit is computed once, as soon as its inputs are known.
    void sample(const float* p, Tape& tape) const override {
        const Side& wide = tape.wide;
        const auto part = [](const RowList& rows, std::size_t first, const Arena& arena) {
            Rows view = arena.view(rows);
            view.index += first;
            return view;
        };
        for (std::size_t k = transforms_.size(); k-- > 0;) {
            const Transform& f = transforms_[k];
            std::size_t done = 0;
            for (std::size_t d = 0; d < shape_.dimensions; ++d) {
                const std::size_t count = known_[d] - done;
                if (count > 0) {
                    for (std::size_t m = 0; m < tape.repeats; ++m) {
                        Rows target = part(f.hidden[0], done, wide.values);
                        target.base += m * tape.block();
                        wide.kernels->affine(f.input.view(p, done, count), wide.values.view(f.x, m * tape.block()),
                                             part(f.context_rows, done, tape.context.values), target, tape.block(),
                                             Activation::tanh);
                    }
                    for (std::size_t b = 0; b < f.blocks.size(); ++b) {
                        wide.kernels->affine(f.blocks[b].view(p, done, count), wide.values.view(f.hidden[b]), Rows{},
                                             part(f.hidden[b + 1], done, wide.values), wide.lanes, Activation::tanh);
                    }
                    done += count;
                }
                wide.kernels->affine(f.output.view(p, 2 * d, 2), wide.values.view(f.hidden.back()), Rows{},
                                     part(f.inverse_numbers, 2 * d, wide.values), wide.lanes, Activation::none);
                wide.kernels->autoregressive_inverse(part(f.u, d, wide.values), part(f.scale, d, wide.values),
                                                     part(f.t, d, wide.values), part(f.x, d, wide.values), 1,
                                                     wide.lanes);
            }
        }
    }

  private:
    // Two steps see every pair of dimensions in both orders: after the first of them the order is reversed, after the second a random
    // cycle leaves no dimension in its place. Any random permutation would leave two dimensions as they are every other time, and what
    // comes first in each step has an affine density.
    static void permute(std::size_t step, std::uint64_t seed, RowList& x, RowList& x_gradient) {
        if (step % 2 == 0) {
            std::ranges::reverse(x);
            std::ranges::reverse(x_gradient);
            return;
        }
        math::RandomStream random(seed, 1 + step);
        for (std::size_t d = x.size(); d > 1; --d) {  // Sattolo's algorithm
            const std::size_t other = random.next_index(d - 1);
            std::swap(x[d - 1], x[other]);
            std::swap(x_gradient[d - 1], x_gradient[other]);
        }
    }

    BodyShape shape_;
    std::vector<std::uint32_t> known_;  // hidden units that depend on dimensions before d only
    std::vector<Transform> transforms_;
    RowList z_, z_gradient_, u_gradient_;
    RowList hidden_gradient_[2];
    std::uint32_t squares_ = 0;
};

}  // namespace

std::unique_ptr<Body> make_maf(const BodyShape& shape, const DensityOptions& options, std::uint64_t seed,
                               Builder& builder) {
    return std::make_unique<Maf>(shape, options, seed, builder);
}

}  // namespace spikesmith::nets
