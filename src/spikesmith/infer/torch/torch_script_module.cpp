#include "torch_script_module.hpp"

#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/cuda.h>
#include <torch/script.h>

namespace spikesmith {
namespace {

// libtorch's own message without its stack of calls.
template <class Work>
auto guarded(const Work& work) {
    try {
        return work();
    } catch (const c10::Error& error) {
        throw std::runtime_error(error.what_without_backtrace());
    }
}

class Module final : public TorchScriptModule {
  public:
    Module(torch::jit::Module module, at::Device device) : module_(std::move(module)), device_(device) {
        for (const at::Tensor& parameter : module_.parameters()) {
            if (parameter.requires_grad()) trained_.push_back(parameter);
        }
        for (const at::Tensor& buffer : module_.buffers()) buffers_.push_back(buffer);
        for (const at::Tensor& trained : trained_) {
            if (trained.scalar_type() != at::kFloat) throw std::runtime_error("its parameters are not 32-bit floats");
        }
    }

    [[nodiscard]] std::size_t parameters() const override {
        std::size_t count = 0;
        for (const auto* list : {&trained_, &buffers_}) {
            for (const at::Tensor& tensor : *list) count += static_cast<std::size_t>(tensor.numel());
        }
        return count;
    }

    void get(std::span<float> parameters) const override {
        guarded([&] {
            const c10::NoGradGuard no_gradient;
            each(parameters, [](const at::Tensor& tensor, at::Tensor part) { part.copy_(tensor.reshape({-1})); });
        });
    }

    void set(std::span<const float> parameters) override {
        guarded([&] {
            const c10::NoGradGuard no_gradient;
            each(parameters,
                 [](at::Tensor tensor, const at::Tensor& part) { tensor.copy_(part.view(tensor.sizes())); });
        });
    }

    void forward(std::span<const float> x, std::size_t rows, std::uint64_t key, std::vector<float>& outputs) override {
        guarded([&] {
            const bool training = key != 0;
            const torch::jit::GraphOptimizerEnabledGuard unoptimised(false);  // which changes bits after some calls
            const at::AutoGradMode gradients(training);
            if (module_._ivalue()->type()->findAttributeSlot("training")) module_.train(training);
            const auto n = static_cast<std::int64_t>(rows);
            const at::Tensor input =
                tensor_of(x).view({n, n == 0 ? 0 : static_cast<std::int64_t>(x.size()) / n}).to(device_);
            if (training) {
                static std::mutex one;  // the generator belongs to the whole process
                const std::scoped_lock lock(one);
                torch::manual_seed(key);
                output_ = module_.forward({input.clone()}).toTensor();
            } else {
                output_ = module_.forward({input.clone()}).toTensor();
            }
            if (output_.dim() != 2 || output_.size(0) != n || output_.scalar_type() != at::kFloat) {
                std::ostringstream text;
                text << "it gives " << output_.scalar_type() << " of shape " << output_.sizes() << " for " << n
                     << " rows of x; " << n << " rows of 32-bit floats are needed";
                throw std::runtime_error(text.str());
            }
            const at::Tensor flat = output_.detach().to(at::kCPU).contiguous();
            outputs.assign(flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel());
        });
    }

    void backward(std::span<const float> outputs_gradient, std::span<float> gradient) override {
        guarded([&] {
            if (trained_.empty() || !output_.requires_grad()) return;
            const at::Tensor upstream = tensor_of(outputs_gradient).view(output_.sizes()).to(device_);
            const std::vector<at::Tensor> found =
                torch::autograd::grad({output_}, trained_, {upstream}, false, false, true);
            std::size_t first = 0;
            for (std::size_t k = 0; k < found.size(); ++k) {
                const auto count = static_cast<std::size_t>(trained_[k].numel());
                if (found[k].defined()) {  // parameters that x does not reach have none
                    const at::Tensor flat = found[k].to(at::kCPU).contiguous();
                    const float* const from = flat.data_ptr<float>();
                    for (std::size_t i = 0; i < count; ++i) gradient[first + i] += from[i];
                }
                first += count;
            }
            output_ = at::Tensor();
        });
    }

    [[nodiscard]] std::string save() const override {
        return guarded([&] {
            torch::jit::Module copy = module_.deepcopy();
            copy.to(at::kCPU);
            std::ostringstream stream;
            copy.save(stream);
            return stream.str();
        });
    }

  private:
    static at::Tensor tensor_of(std::span<const float> values) {
        // from_blob takes memory that may change, which nothing here does
        return torch::from_blob(const_cast<float*>(values.data()), {static_cast<std::int64_t>(values.size())});
    }

    // Calls `work` with each tensor and its part of the flat parameters.
    template <class Values, class Work>
    void each(const Values& parameters, const Work& work) const {
        std::size_t first = 0;
        for (const auto* list : {&trained_, &buffers_}) {
            for (const at::Tensor& tensor : *list) {
                const auto count = static_cast<std::size_t>(tensor.numel());
                work(tensor, tensor_of(parameters.subspan(first, count)));
                first += count;
            }
        }
    }

    torch::jit::Module module_;
    at::Device device_;
    std::vector<at::Tensor> trained_, buffers_;
    at::Tensor output_;  // of the last forward in training
};

}  // namespace

TorchScriptModule* spikesmith_load_torch_script(const char* file, std::size_t bytes, const char* device) {
    at::set_num_threads(1);  // sums must not depend on the number of cores; networks are trained side by side
    const std::string_view name = device;
    if (name != "cpu" && !torch::cuda::is_available()) throw std::runtime_error("no CUDA device");
    return guarded([&] {
        const at::Device place(name == "cpu" ? at::kCPU : at::kCUDA);
        std::istringstream stream(std::string(file, bytes));
        torch::jit::Module module = torch::jit::load(stream, place);
        return new Module(std::move(module), place);
    });
}

}  // namespace spikesmith
