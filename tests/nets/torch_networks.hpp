// The networks of this room written with libtorch and its automatic derivatives: the oracle of our gradients, and the
// reference of their speed. Parameters are read from, and gradients returned in, the order of ours. Tests and benchmarks
// only; needs libtorch.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include <torch/torch.h>

#include "spikesmith/math/random_stream.hpp"

namespace spikesmith::nets::reference {

struct Linear {
    torch::Tensor weight, bias, mask;
    [[nodiscard]] torch::Tensor operator()(const torch::Tensor& x) const {
        const torch::Tensor w = mask.defined() ? weight * mask : weight;
        return bias.defined() ? torch::addmm(bias, x, w.t()) : torch::mm(x, w.t());
    }
};

// Leaves in the order in which our builder numbers parameters.
class Parameters {
  public:
    explicit Parameters(std::span<const float> values) : values_(values) {}
    torch::Tensor take(std::vector<std::int64_t> shape) {
        const auto count = std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
        torch::Tensor leaf = torch::empty(shape);
        std::copy_n(values_.begin() + static_cast<std::ptrdiff_t>(offset_), count, leaf.data_ptr<float>());
        offset_ += static_cast<std::size_t>(count);
        leaf.requires_grad_(true);
        leaves.push_back(leaf);
        return leaf;
    }
    Linear linear(std::int64_t inputs, std::int64_t outputs, bool bias = true, torch::Tensor mask = {}) {
        Linear layer{.weight = take({outputs, inputs}), .bias = {}, .mask = std::move(mask)};
        if (bias) layer.bias = take({outputs});
        return layer;
    }
    [[nodiscard]] std::size_t used() const { return offset_; }
    std::vector<torch::Tensor> leaves;

  private:
    std::span<const float> values_;
    std::size_t offset_ = 0;
};

// Each mask is [outputs x inputs] of 0 and 1.
template <class F>
torch::Tensor mask_of(std::int64_t outputs, std::int64_t inputs, const F& connected) {
    torch::Tensor mask = torch::zeros({outputs, inputs});
    for (std::int64_t o = 0; o < outputs; ++o) {
        for (std::int64_t i = 0; i < inputs; ++i) mask[o][i] = connected(o, i) ? 1.0F : 0.0F;
    }
    return mask;
}

inline torch::Tensor normal_log_prob(const torch::Tensor& z) {
    return -0.5 * (z * z).sum(1) - 0.5 * std::log(2 * M_PI) * static_cast<double>(z.size(1));
}

class Maf {
  public:
    Maf(Parameters& p, std::int64_t D, std::int64_t C, std::int64_t H, std::int64_t transforms, std::uint64_t seed)
        : D_(D) {
        std::vector<std::int64_t> degrees(static_cast<std::size_t>(H));
        for (std::int64_t j = 0; j < H; ++j) degrees[static_cast<std::size_t>(j)] = j % D;
        std::sort(degrees.begin(), degrees.end());
        const auto degree = [&](std::int64_t j) { return degrees[static_cast<std::size_t>(j)]; };
        const auto in = mask_of(H, D, [&](auto o, auto i) { return degree(o) >= i + 1; });
        const auto hidden = mask_of(H, H, [&](auto o, auto i) { return degree(o) >= degree(i); });
        const auto out = mask_of(2 * D, H, [&](auto o, auto i) { return o / 2 + 1 > degree(i); });
        for (std::int64_t k = 0; k < transforms; ++k) {
            Transform f;
            f.context = p.linear(C, H);
            f.input = p.linear(D, H, true, in);
            f.first = p.linear(H, H, true, hidden);
            f.second = p.linear(H, H, true, hidden);
            f.output = p.linear(H, 2 * D, true, out);
            std::vector<std::int64_t> order(static_cast<std::size_t>(D));
            std::iota(order.begin(), order.end(), 0);
            math::RandomStream random(seed, 1 + static_cast<std::uint64_t>(k));
            if (k % 2 == 0) std::ranges::reverse(order);
            for (std::size_t d = static_cast<std::size_t>(D); k % 2 == 1 && d > 1; --d)
                std::swap(order[d - 1], order[random.next_index(d - 1)]);
            f.order = torch::tensor(order, torch::kInt64);
            transforms_.push_back(f);
        }
    }
    [[nodiscard]] torch::Tensor log_prob(torch::Tensor x, const torch::Tensor& c) const {
        torch::Tensor total = torch::zeros({x.size(0)});
        for (const Transform& f : transforms_) {
            torch::Tensor h = torch::tanh(f.input(x) + torch::tanh(f.context(c)));
            h = torch::tanh(f.first(h));
            h = torch::tanh(f.second(h));
            const torch::Tensor numbers = f.output(h).view({-1, D_, 2});
            const torch::Tensor s = torch::softplus(numbers.select(2, 0)) + 1e-3;
            total = total + torch::log(s).sum(1);
            x = (s * x + numbers.select(2, 1)).index_select(1, f.order);
        }
        return total + normal_log_prob(x);
    }

  private:
    struct Transform {
        Linear context, input, first, second, output;
        torch::Tensor order;
    };
    std::int64_t D_;
    std::vector<Transform> transforms_;
};

class Nsf {
  public:
    Nsf(Parameters& p, std::int64_t D, std::int64_t C, std::int64_t H, std::int64_t transforms, std::int64_t bins)
        : D_(D), H_(H), K_(bins) {
        for (std::int64_t k = 0; k < transforms; ++k) {
            Transform f;
            std::vector<std::int64_t> kept;
            std::vector<std::int64_t> moved;
            for (std::int64_t d = 0; d < D; ++d) (d % 2 == k % 2 ? moved : kept).push_back(d);
            f.kept = torch::tensor(kept, torch::kInt64);
            f.moved = torch::tensor(moved, torch::kInt64);
            std::vector<std::int64_t> both = kept;
            both.insert(both.end(), moved.begin(), moved.end());
            f.back = torch::argsort(torch::tensor(both, torch::kInt64));
            f.from_theta = p.linear(static_cast<std::int64_t>(kept.size()), H, false);
            f.from_context = p.linear(C, H);
            for (Block& b : f.blocks) {
                b.first = p.linear(H, H);
                b.second = p.linear(H, H);
                b.gate = p.linear(C, H);
            }
            f.output = p.linear(H, static_cast<std::int64_t>(moved.size()) * (3 * K_ - 1));
            f.lower = p.take({D * (D - 1) / 2});
            f.upper = p.take({D * (D - 1) / 2});
            f.diagonal = p.take({D});
            f.bias = p.take({D});
            transforms_.push_back(f);
        }
        // Ours stores triangles by rows of L, by columns of U: both are row-major lower triangles.
        rows_ = torch::tril_indices(D, D, -1);
    }
    [[nodiscard]] torch::Tensor log_prob(torch::Tensor x, const torch::Tensor& c) const {
        torch::Tensor total = torch::zeros({x.size(0)});
        for (const Transform& f : transforms_) {
            const torch::Tensor kept = x.index_select(1, f.kept);
            torch::Tensor h = f.from_theta(kept) + f.from_context(c);
            for (const Block& b : f.blocks) {
                h = h + b.second(torch::relu(b.first(torch::relu(h)))) * torch::sigmoid(b.gate(c));
            }
            const torch::Tensor raw = f.output(h).view({x.size(0), -1, 3 * K_ - 1});
            const auto [y, change] = spline(x.index_select(1, f.moved), raw);
            total = total + change.sum(1);
            x = torch::cat({kept, y}, 1).index_select(1, f.back);
            const torch::Tensor diagonal = torch::softplus(f.diagonal) + 1e-3;
            const torch::Tensor lower = torch::eye(D_).index_put({rows_[0], rows_[1]}, f.lower);
            const torch::Tensor upper = torch::diag(diagonal).index_put({rows_[1], rows_[0]}, f.upper);
            x = torch::addmm(f.bias, x, torch::mm(lower, upper).t());
            total = total + torch::log(diagonal).sum();
        }
        return total + normal_log_prob(x);
    }

  private:
    [[nodiscard]] std::pair<torch::Tensor, torch::Tensor> spline(const torch::Tensor& x,
                                                                 const torch::Tensor& raw) const {
        const double bound = 3;
        const auto sizes = [&](const torch::Tensor& r) {
            return 2 * bound *
                   (1e-3 +
                    (1 - 1e-3 * static_cast<double>(K_)) * torch::softmax(r / std::sqrt(static_cast<double>(H_)), 2));
        };
        const torch::Tensor w = sizes(raw.slice(2, 0, K_));
        const torch::Tensor h = sizes(raw.slice(2, K_, 2 * K_));
        const torch::Tensor one = torch::ones({x.size(0), x.size(1), 1});
        const torch::Tensor s = torch::cat({one, 1e-3 + torch::softplus(raw.slice(2, 2 * K_)), one}, 2);
        const torch::Tensor left = torch::cumsum(w, 2) - w - bound;
        const torch::Tensor low = torch::cumsum(h, 2) - h - bound;
        const torch::Tensor inside = x.abs() < bound;
        const torch::Tensor used = torch::where(inside, x, torch::zeros_like(x));
        const torch::Tensor bin = ((left.detach() < used.unsqueeze(2)).sum(2, true) - 1).clamp_min(0);
        const auto pick = [&](const torch::Tensor& t) { return t.gather(2, bin).squeeze(2); };
        const torch::Tensor xk = pick(left), wk = pick(w), yk = pick(low), hk = pick(h);
        const torch::Tensor sk = pick(s), next = s.gather(2, bin + 1).squeeze(2);
        const torch::Tensor xi = (used - xk) / wk;
        const torch::Tensor delta = hk / wk;
        const torch::Tensor e = xi * (1 - xi);
        const torch::Tensor denominator = delta + (sk + next - 2 * delta) * e;
        const torch::Tensor y = yk + hk * (delta * xi * xi + sk * e) / denominator;
        const torch::Tensor change =
            torch::log(delta * delta * (next * xi * xi + 2 * delta * e + sk * (1 - xi) * (1 - xi))) -
            2 * torch::log(denominator);
        return {torch::where(inside, y, x), torch::where(inside, change, torch::zeros_like(x))};
    }
    struct Block {
        Linear first, second, gate;
    };
    struct Transform {
        Linear from_theta, from_context, output;
        std::array<Block, 2> blocks;
        torch::Tensor kept, moved, back, lower, upper, diagonal, bias;
    };
    std::int64_t D_, H_, K_;
    std::vector<Transform> transforms_;
    torch::Tensor rows_;
};

class Mdn {
  public:
    Mdn(Parameters& p, std::int64_t D, std::int64_t C, std::int64_t H, std::int64_t K) : D_(D), K_(K) {
        first_ = p.linear(C, H);
        second_ = p.linear(H, H);
        logits_ = p.linear(H, K);
        means_ = p.linear(H, K * D);
        diagonals_ = p.linear(H, K * D);
        uppers_ = p.linear(H, K * D * (D - 1) / 2);
    }
    [[nodiscard]] torch::Tensor log_prob(const torch::Tensor& x, const torch::Tensor& c) const {
        const torch::Tensor h = torch::relu(second_(torch::relu(first_(c))));
        const torch::Tensor weights = torch::log_softmax(logits_(h), 1);
        const torch::Tensor diagonal = torch::softplus(diagonals_(h)).view({-1, K_, D_});
        const torch::Tensor indices = torch::triu_indices(D_, D_, 1);
        torch::Tensor factor = torch::diag_embed(diagonal);
        factor.index_put_({torch::indexing::Slice(), torch::indexing::Slice(), indices[0], indices[1]},
                          uppers_(h).view({-1, K_, D_ * (D_ - 1) / 2}));
        const torch::Tensor difference = (x.unsqueeze(1) - means_(h).view({-1, K_, D_})).unsqueeze(3);
        const torch::Tensor y = torch::matmul(factor, difference).squeeze(3);
        const torch::Tensor each = weights + torch::log(diagonal).sum(2) - 0.5 * (y * y).sum(2);
        return torch::logsumexp(each, 1) - 0.5 * std::log(2 * M_PI) * static_cast<double>(D_);
    }

  private:
    std::int64_t D_, K_;
    Linear first_, second_, logits_, means_, diagonals_, uppers_;
};

class MixtureMade {
  public:
    MixtureMade(Parameters& p, std::int64_t D, std::int64_t C, std::int64_t H, std::int64_t blocks, std::int64_t K)
        : D_(D), K_(K) {
        std::vector<std::int64_t> degrees(static_cast<std::size_t>(H));
        for (std::int64_t j = 0; j < H; ++j) degrees[static_cast<std::size_t>(j)] = j % D + 1;
        std::sort(degrees.begin(), degrees.end());
        const auto degree = [&](std::int64_t j) { return degrees[static_cast<std::size_t>(j)]; };
        const auto hidden = mask_of(H, H, [&](auto o, auto i) { return degree(o) >= degree(i); });
        input_ = p.linear(D, H, true, mask_of(H, D, [&](auto o, auto i) { return degree(o) >= i + 2; }));
        context_ = p.linear(C, H);
        for (std::int64_t b = 0; b < blocks; ++b) {
            Block block;
            block.context = p.linear(C, H);
            block.first = p.linear(H, H, true, hidden);
            block.second = p.linear(H, H, true, hidden);
            blocks_.push_back(block);
        }
        output_ = p.linear(H, D * 3 * K, true,
                           mask_of(D * 3 * K, H, [&](auto o, auto i) { return o / (3 * K) + 2 > degree(i); }));
    }
    [[nodiscard]] torch::Tensor log_prob(const torch::Tensor& x, const torch::Tensor& c) const {
        torch::Tensor h = input_(x) + context_(c);
        for (const Block& b : blocks_) h = h + b.second(torch::relu(b.first(torch::relu(h)) + b.context(c)));
        const torch::Tensor raw = output_(h).view({-1, D_, 3, K_});
        const torch::Tensor deviation = torch::softplus(raw.select(2, 2)) + 1e-2;
        const torch::Tensor t = (x.unsqueeze(2) - raw.select(2, 1)) / deviation;
        const torch::Tensor each = torch::log_softmax(raw.select(2, 0), 2) - torch::log(deviation) - 0.5 * t * t;
        return torch::logsumexp(each, 2).sum(1) - 0.5 * std::log(2 * M_PI) * static_cast<double>(D_);
    }

  private:
    struct Block {
        Linear context, first, second;
    };
    std::int64_t D_, K_;
    Linear input_, context_, output_;
    std::vector<Block> blocks_;
};

enum class Classifier { mlp, resnet };
class Ratio {
  public:
    Ratio(Parameters& p, Classifier kind, std::int64_t D, std::int64_t C, std::int64_t H) : kind_(kind) {
        from_theta_ = p.linear(D, H, false);
        from_context_ = p.linear(C, H);
        for (Block& b : blocks_) {
            if (kind == Classifier::resnet) {
                b.first = p.linear(H, H);
                b.second = p.linear(H, H);
            } else {
                b.gain = p.take({H});
                b.shift = p.take({H});
                if (&b == blocks_.data()) b.first = p.linear(H, H);
            }
        }
        output_ = p.linear(H, 1);
    }
    [[nodiscard]] torch::Tensor logit(const torch::Tensor& x, const torch::Tensor& c) const {
        torch::Tensor h = from_theta_(x) + from_context_(c);
        for (const Block& b : blocks_) {
            if (kind_ == Classifier::resnet) {
                h = h + b.second(torch::relu(b.first(torch::relu(h))));
            } else {
                h = torch::relu(torch::layer_norm(h, {h.size(1)}, b.gain, b.shift, 1e-5));
                if (&b == blocks_.data()) h = b.first(h);
            }
        }
        return output_(h).squeeze(1);
    }

  private:
    struct Block {
        Linear first, second;
        torch::Tensor gain, shift;
    };
    Classifier kind_;
    Linear from_theta_, from_context_, output_;
    std::array<Block, 2> blocks_;
};

// The feature extractor of Rodrigues & Gramfort 2020 as libtorch layers.
class Yulenet {
  public:
    Yulenet(Parameters& p, std::int64_t length, std::int64_t features) {
        first_ = {.weight = p.take({8, 1, 64}), .bias = p.take({8}), .mask = {}};
        second_ = {.weight = p.take({8, 8, 64}), .bias = p.take({8}), .mask = {}};
        const std::int64_t pooled = ((length + 1) / 16 + 1) / 16;
        last_ = p.linear(8 * pooled, features);
    }
    [[nodiscard]] torch::Tensor operator()(const torch::Tensor& x) const {
        const auto layer = [](const Linear& l, const torch::Tensor& v) {
            const torch::Tensor y = torch::conv1d(v, l.weight, l.bias, 1, 32);
            return torch::avg_pool1d(torch::relu(y), 16);
        };
        return torch::relu(last_(layer(second_, layer(first_, x.unsqueeze(1))).flatten(1)));
    }

  private:
    Linear first_, second_, last_;
};

}  // namespace spikesmith::nets::reference
