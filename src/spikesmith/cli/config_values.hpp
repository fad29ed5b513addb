// Values of a configuration with the places where they were written.
#pragma once

#include <filesystem>
#include <string>

#include "spikesmith/cli/toml_value.hpp"
#include "spikesmith/units/units.hpp"

namespace spikesmith {

// A quantity with the place where it was written.
struct ConfigQuantity {
    Quantity quantity;
    Place place;
};

// A name with its place.
struct ConfigName {
    std::string name;
    Place place;
};

// A path as written; relative paths are relative to the folder of the configuration file.
struct ConfigPath {
    std::filesystem::path path;  // resolved
    Place place;
};

}  // namespace spikesmith
