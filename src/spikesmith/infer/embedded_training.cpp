#include "spikesmith/infer/embedded_training.hpp"

#include <algorithm>
#include <numeric>

namespace spikesmith {

EmbeddedTraining::EmbeddedTraining(std::span<float> network, std::optional<TorchEmbedding>& embedding, const Array2& x)
    : network_(network), embedding_(embedding ? &*embedding : nullptr) {
    if (embedding_ == nullptr) return;
    x_ = embedding_->prepare(x);
    joint_.assign(network.begin(), network.end());
    joint_.resize(network.size() + embedding_->parameters());
    embedding_->get_parameters(std::span(joint_).subspan(network.size()));
}

std::span<float> EmbeddedTraining::parameters() {
    return embedding_ != nullptr ? std::span<float>(joint_) : network_;
}

void EmbeddedTraining::distribute() {
    std::ranges::copy(std::span(joint_).first(network_.size()), network_.begin());
    embedding_->set_parameters(std::span(joint_).subspan(network_.size()));
}

void EmbeddedTraining::forward(nets::Minibatch& batch) {
    if (embedding_ == nullptr) return;
    distribute();
    trains_ = batch.dropout_key != 0;
    embedding_->forward(x_, batch.x, batch.dropout_key, rows_);
    batch.rows_x = rows_;
    if (!trains_) return;
    rows_gradient_.assign(rows_.size(), 0.0F);
    batch.rows_x_gradient = rows_gradient_;
    // running means have moved; their gradient is zero, so they stay where the network puts them
    embedding_->get_parameters(std::span(joint_).subspan(network_.size()));
}

std::span<float> EmbeddedTraining::of_network(std::span<float> gradient) const {
    return gradient.empty() ? gradient : gradient.first(network_.size());
}

void EmbeddedTraining::backward(std::span<float> gradient) {
    if (embedding_ != nullptr && trains_) embedding_->backward(rows_gradient_, gradient.subspan(network_.size()));
}

void EmbeddedTraining::finish(nets::TrainingData& data) {
    if (embedding_ == nullptr) return;
    distribute();
    std::vector<std::uint32_t> all(data.samples);
    std::iota(all.begin(), all.end(), 0u);
    embedding_->forward(x_, all, 0, data.x);
}

}  // namespace spikesmith
