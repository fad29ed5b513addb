// What the files need that check a configuration against its model and data.
#pragma once

#include <string>

#include "spikesmith/cli/config_values.hpp"
#include "spikesmith/cli/toml_value.hpp"
#include "spikesmith/core/error.hpp"

namespace spikesmith {

// Runs `action`; an error that shows no line is shown at `place`, where its cause is written.
template <class Action>
auto located(const Place& place, const Action& action) {
    const auto at = [&](const Error& error) {
        const Diagnostic& d = error.diagnostic();
        if (d.line > 0 || !place.source) return d;
        return diagnose(*place.source, place.span, d.source.empty() ? d.message : d.source + ": " + d.message, d.hint);
    };
    try {
        return action();
    } catch (const ConfigError& error) {
        throw ConfigError(at(error));
    } catch (const DataError& error) {
        throw DataError(at(error));
    } catch (const UnitError& error) {
        throw UnitError(at(error));
    } catch (const ModelError& error) {
        throw ModelError(at(error));
    } catch (const NumericalError& error) {
        throw NumericalError(at(error));
    }
}

// Throws ConfigError at the value if it has another dimension. A plain 0 is a quantity of any dimension.
void require_dimension_of(const ConfigQuantity& value, const Dimension& expected, const std::string& name);

}  // namespace spikesmith
