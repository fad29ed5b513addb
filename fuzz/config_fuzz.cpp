// The configuration reader on arbitrary text, with an override after the first NUL. Nothing outside memory is touched.
// What is read must be written such that it reads back to the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/cli/config.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace spikesmith;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const std::size_t split = input.find('\0');
    std::vector<Override> overrides;
    if (split != std::string_view::npos) overrides.push_back({std::string(input.substr(split + 1))});
    try {
        const Config config = read_config_text({"config", std::string(input.substr(0, split))}, overrides);
        const std::string written = config_as_run(config, "");
        const std::string again = config_as_run(read_config_text({"config", written}), "");
        if (written != again) std::abort();
    } catch (const Error& error) {
        if (error.diagnostic().message.empty()) std::abort();
    }
    return 0;
}
