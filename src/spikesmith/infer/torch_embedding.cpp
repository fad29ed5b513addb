#include "spikesmith/infer/torch_embedding.hpp"

#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <stdexcept>
#include <utility>

#include <dlfcn.h>
#include <fmt/format.h>

#include "spikesmith/core/atomic_file.hpp"
#include "spikesmith/core/error.hpp"
#include "spikesmith/infer/binary.hpp"
#include "spikesmith/infer/torch/torch_script_module.hpp"
#include "spikesmith/nets/scaling.hpp"

namespace spikesmith {

namespace {

namespace fs = std::filesystem;
constexpr const char* library_name = "libspikesmith_torch.so";

// Where the library may be, in order.
std::vector<fs::path> library_places() {
    if (const char* given = std::getenv("SPIKESMITH_TORCH"); given != nullptr && *given != '\0') return {given};
    std::vector<fs::path> places;
    Dl_info info{};
    if (dladdr(library_name, &info) != 0 && info.dli_fname != nullptr) {
        std::error_code error;
        fs::path binary = fs::canonical(info.dli_fname, error);
        if (error) binary = fs::canonical("/proc/self/exe", error);
        const fs::path folder = binary.parent_path();
        places.push_back(folder / library_name);
        places.push_back(folder.parent_path() / SPIKESMITH_LIBRARY_FOLDER / "spikesmith" / library_name);
    }
    places.push_back(fs::path(SPIKESMITH_INSTALLED_LIBRARY_FOLDER) / "spikesmith" / library_name);
    return places;
}

// Never unloaded: libtorch does not come apart cleanly.
LoadTorchScript find_loader(std::string& reason) {
    for (const fs::path& place : library_places()) {
        void* const library = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        if (library == nullptr) {
            std::error_code error;
            if (reason.empty() || fs::exists(place, error)) reason = dlerror();
            continue;
        }
        if (void* const symbol = dlsym(library, "spikesmith_load_torch_script"))
            return reinterpret_cast<LoadTorchScript>(symbol);
        reason = fmt::format("{} is another library", place.string());
    }
    return nullptr;
}

std::unique_ptr<TorchScriptModule> load_module(const std::string& bytes, const std::string& device,
                                               const std::string& source) {
    if (device != "cpu" && device != "cuda")
        throw ConfigError(fmt::format("unknown device `{}`", device), "\"cpu\" or \"cuda\"");
    std::string reason;
    const LoadTorchScript load = find_loader(reason);
    if (load == nullptr) {
        throw ConfigError(
            fmt::format("{} needs libtorch, which this Spikesmith was built without or cannot find ({})", source,
                        reason),
            "install libtorch-dev and build again, or set SPIKESMITH_TORCH to the path of libspikesmith_torch.so");
    }
    try {
        return std::unique_ptr<TorchScriptModule>(load(bytes.data(), bytes.size(), device.c_str()));
    } catch (const std::exception& error) {
        if (std::string_view(error.what()) == "no CUDA device")
            throw ConfigError("device = \"cuda\", but libtorch finds no CUDA device here", "use device = \"cpu\"");
        throw DataError(fmt::format("{} cannot be used: {}", source, error.what()),
                        "a file saved by torch.jit.script(network).save(...) is needed");
    }
}

}  // namespace

struct TorchEmbedding::Implementation {
    std::string file;  // TorchScript, as given
    std::string device;
    std::string source;  // for messages
    nets::Scaling scaling;
    std::unique_ptr<TorchScriptModule> module;
    std::size_t network_outputs = 0;
    std::vector<float> inputs, network_values;  // of the last `forward`
    mutable std::mutex mutex;                   // of the module, for `embed`

    [[nodiscard]] std::size_t features() const { return scaling.x_dimensions; }
    [[nodiscard]] std::size_t flags() const { return scaling.mask_missing ? features() : 0; }

    void load() {
        module = load_module(file, device, source);
        std::vector<float> values;
        run(std::vector<float>(features(), 0.0F), 1, 0, values);
        if (values.empty()) throw DataError(fmt::format("{} gives no outputs", source));
        network_outputs = values.size();
    }
    void run(std::span<const float> x, std::size_t rows, std::uint64_t key, std::vector<float>& values) const {
        try {
            module->forward(x, rows, key, values);
        } catch (const std::exception& error) {
            throw DataError(fmt::format("{} cannot read x, {} features in rows of 32-bit floats: {}", source,
                                        features(), error.what()));
        }
    }
};

TorchEmbedding::TorchEmbedding(const nets::Embedding& what, std::size_t features, nets::Standardization scale,
                               bool mask_missing)
    : implementation_(std::make_unique<Implementation>()) {
    Implementation& own = *implementation_;
    if (what.file.empty()) throw ConfigError("a TorchScript embedding needs a file", "file = \"network.pt\"");
    own.file = read_file(what.file);
    own.device = what.device;
    own.source = fmt::format("the TorchScript network {}", what.file);
    own.scaling = {.theta_dimensions = 1,
                   .x_dimensions = features,
                   .support = {},
                   .theta_scale = {},
                   .x_scale = std::move(scale),
                   .mask_missing = mask_missing};
    own.load();
}

TorchEmbedding::TorchEmbedding(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}

TorchEmbedding::TorchEmbedding(const TorchEmbedding& other) : implementation_(std::make_unique<Implementation>()) {
    Implementation& own = *implementation_;
    const Implementation& from = *other.implementation_;
    own.file = from.file;
    own.device = from.device;
    own.source = from.source;
    own.scaling = from.scaling;
    own.load();
    std::vector<float> values(other.parameters());
    other.get_parameters(values);
    set_parameters(values);
}

TorchEmbedding& TorchEmbedding::operator=(const TorchEmbedding& other) {
    return *this = TorchEmbedding(other);
}
TorchEmbedding::TorchEmbedding(TorchEmbedding&&) noexcept = default;
TorchEmbedding& TorchEmbedding::operator=(TorchEmbedding&&) noexcept = default;
TorchEmbedding::~TorchEmbedding() = default;

std::size_t TorchEmbedding::outputs() const {
    return implementation_->network_outputs + implementation_->flags();
}

std::size_t TorchEmbedding::parameters() const {
    return implementation_->module->parameters();
}

void TorchEmbedding::get_parameters(std::span<float> parameters) const {
    implementation_->module->get(parameters);
}

void TorchEmbedding::set_parameters(std::span<const float> parameters) {
    implementation_->module->set(parameters);
}

std::vector<double> TorchEmbedding::embed(std::span<const double> x) const {
    const Implementation& own = *implementation_;
    std::vector<float> prepared(own.scaling.x_inputs());
    own.scaling.x_inputs(x, prepared.data());
    std::vector<float> values;
    {
        const std::scoped_lock lock(own.mutex);
        own.run(std::span(prepared).first(own.features()), 1, 0, values);
    }
    values.insert(values.end(), prepared.begin() + static_cast<std::ptrdiff_t>(own.features()), prepared.end());
    return {values.begin(), values.end()};
}

std::vector<float> TorchEmbedding::prepare(const Array2& x) const {
    const nets::Scaling& scaling = implementation_->scaling;
    std::vector<float> prepared(x.rows * scaling.x_inputs());
    for (std::size_t i = 0; i < x.rows; ++i) scaling.x_inputs(x.row(i), prepared.data() + i * scaling.x_inputs());
    return prepared;
}

void TorchEmbedding::forward(std::span<const float> prepared, std::span<const std::uint32_t> rows, std::uint64_t key,
                             std::vector<float>& values) {
    Implementation& own = *implementation_;
    const std::size_t columns = own.scaling.x_inputs();
    own.inputs.clear();
    for (const std::uint32_t row : rows) {
        const std::span<const float> x = prepared.subspan(row * columns, own.features());
        own.inputs.insert(own.inputs.end(), x.begin(), x.end());
    }
    own.run(own.inputs, rows.size(), key, own.network_values);
    values.clear();
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const std::span outputs_of_row =
            std::span(own.network_values).subspan(i * own.network_outputs, own.network_outputs);
        values.insert(values.end(), outputs_of_row.begin(), outputs_of_row.end());
        const std::span<const float> flags = prepared.subspan(rows[i] * columns + own.features(), own.flags());
        values.insert(values.end(), flags.begin(), flags.end());
    }
}

void TorchEmbedding::backward(std::span<const float> values_gradient, std::span<float> gradient) {
    Implementation& own = *implementation_;
    std::vector<float>& of_network = own.network_values;
    of_network.clear();
    for (std::size_t i = 0; i < values_gradient.size(); i += outputs()) {
        const std::span<const float> row = values_gradient.subspan(i, own.network_outputs);
        of_network.insert(of_network.end(), row.begin(), row.end());
    }
    try {
        own.module->backward(of_network, gradient);
    } catch (const std::exception& error) {
        throw DataError(fmt::format("{} has no derivatives: {}", own.source, error.what()));
    }
}

void TorchEmbedding::write(BinaryWriter& writer) const {
    const Implementation& own = *implementation_;
    writer.integer(own.features());
    writer.integer(own.scaling.mask_missing ? 1 : 0);
    writer.reals(own.scaling.x_scale.mean);
    writer.reals(own.scaling.x_scale.deviation);
    writer.text(own.module->save());
}

TorchEmbedding read_torch_embedding(BinaryReader& reader) {
    auto own = std::make_unique<TorchEmbedding::Implementation>();
    own->scaling.theta_dimensions = 1;
    own->scaling.x_dimensions = reader.integer();
    own->scaling.mask_missing = reader.integer() != 0;
    own->scaling.x_scale.mean = reader.reals();
    own->scaling.x_scale.deviation = reader.reals();
    own->device = "cpu";  // enough for one observation, and every machine has it
    own->file = reader.text();
    own->source = "the TorchScript network of this posterior";
    own->scaling.check();
    own->load();
    return TorchEmbedding(std::move(own));
}

bool torch_available() {
    std::string reason;
    return find_loader(reason) != nullptr;
}

}  // namespace spikesmith
