// The module spikesmith._core: the C++ library as the Python package sees it. Plain numbers in SI base units and exponents of
// dimensions cross the border; quantities, names that users know and checks of arguments are the business of the package.
#include "convert.hpp"
#include "simulation.hpp"

#include "spikesmith/core/error.hpp"
#include "spikesmith/core/version.hpp"

namespace spikesmith::python {
namespace {

// Raises the class of spikesmith.errors of the same name, with the diagnostic as attributes.
void raise(const char* name, const Error& error) {
    const nb::object type = nb::module_::import_("spikesmith.errors").attr(name);
    const Diagnostic& d = error.diagnostic();
    nb::object exception = type(error.what());
    exception.attr("message") = d.message;
    exception.attr("source") = d.source;
    exception.attr("line") = d.line;
    exception.attr("column") = d.column;
    exception.attr("hint") = d.hint;
    PyErr_SetObject(exception.type().ptr(), exception.ptr());  // which may be a subclass
}

void translate(const std::exception_ptr& pointer, void* /*payload*/) {
    try {
        std::rethrow_exception(pointer);
    } catch (const ModelError& error) {
        raise("ModelError", error);
    } catch (const UnitError& error) {
        raise("UnitError", error);
    } catch (const DataError& error) {
        raise("DataError", error);
    } catch (const ConfigError& error) {
        raise("ConfigError", error);
    } catch (const NumericalError& error) {
        raise("NumericalError", error);
    } catch (const Interrupted& error) {
        raise("Interrupted", error);
    } catch (const Error& error) {
        raise("Error", error);
    }
}

}  // namespace
}  // namespace spikesmith::python

NB_MODULE(_core, module) {
    using namespace spikesmith::python;
    nb::set_leak_warnings(false);  // objects that are alive when the interpreter ends are no defect
    nb::register_exception_translator(translate);
    module.attr("__version__") = nb::str(spikesmith::version.data(), spikesmith::version.size());
    bind_units(module);
    bind_models(module);
    bind_neurons(module);
    bind_simulation(module);
    bind_opt_neuron(module);
    bind_metrics(module);
    bind_optimizers(module);
    bind_features(module);
    bind_fitters(module);
    bind_refine(module);
    bind_inference(module);
}
