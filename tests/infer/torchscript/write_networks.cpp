// Writes the TorchScript files of torch_embedding_test.cpp into the folder given. A program of its own, so that the tests start without
// libtorch.
#include <string>

#include <torch/script.h>

namespace {

at::Tensor weights(std::int64_t rows, std::int64_t columns) {
    return ((torch::rand({rows, columns}) - 0.5) * (2 / std::sqrt(static_cast<double>(rows)))).requires_grad_();
}

// 40 values -> 12 tanh units -> 4 outputs
torch::jit::Module perceptron() {
    torch::jit::Module module("Perceptron");
    module.register_parameter("w1", weights(40, 12), false);
    module.register_parameter("b1", torch::zeros({12}).requires_grad_(), false);
    module.register_parameter("w2", weights(12, 4), false);
    return module;
}

}  // namespace

int main(int /*count*/, char** arguments) {
    torch::manual_seed(1);
    const std::string folder = arguments[1];

    torch::jit::Module plain = perceptron();
    plain.define("def forward(self, x):\n    return torch.tanh(x.matmul(self.w1) + self.b1).matmul(self.w2)\n");
    plain.save(folder + "/perceptron.pt");

    // with a running mean, dropout, and a layer that is not to be trained
    torch::jit::Module stateful = perceptron();
    stateful.register_attribute("training", c10::BoolType::get(), true);
    stateful.register_buffer("mean", torch::zeros({4}));
    stateful.register_parameter("fixed", torch::eye(4), false);
    stateful.define(R"(
def forward(self, x):
    h = torch.dropout(torch.tanh(x.matmul(self.w1) + self.b1), 0.1, self.training)
    y = h.matmul(self.w2).matmul(self.fixed)
    if self.training:
        self.mean.copy_((0.9 * self.mean + 0.1 * y.mean(0)).detach())
    return y - self.mean
)");
    stateful.save(folder + "/stateful.pt");

    torch::jit::Module wrong = perceptron();
    wrong.define("def forward(self, x):\n    return x.matmul(self.w1).sum(1)\n");
    wrong.save(folder + "/one_dimension.pt");
    return 0;
}
