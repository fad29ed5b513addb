// All of Spikesmith for C++ programs: find_package(spikesmith), link spikesmith::spikesmith, include this.
#pragma once

// Errors and arrays at every border; quantities such as "20 nS".
#include "spikesmith/core/array.hpp"
#include "spikesmith/core/error.hpp"
#include "spikesmith/core/version.hpp"
#include "spikesmith/math/random_stream.hpp"
#include "spikesmith/units/units.hpp"

// Equations become a checked model, the model an update program, the update program machine code.
#include "spikesmith/codegen/kernel.hpp"
#include "spikesmith/lang/annarchy.hpp"
#include "spikesmith/lang/brian.hpp"
#include "spikesmith/lang/neuron_library.hpp"
#include "spikesmith/model/model.hpp"
#include "spikesmith/numerics/interpreter.hpp"
#include "spikesmith/numerics/methods.hpp"
#include "spikesmith/numerics/update_program.hpp"

// Many parameter sets, many traces, many threads.
#include "spikesmith/simulate/ensemble.hpp"
#include "spikesmith/simulate/record.hpp"

// Experiments: candidates that are driven step by step, fitted to data or to another model.
#include "spikesmith/fit/experiment_loss.hpp"
#include "spikesmith/fit/opt_neuron.hpp"
#include "spikesmith/fit/protocol.hpp"
#include "spikesmith/infer/opt_neuron_posterior.hpp"
#include "spikesmith/simulate/simulation.hpp"

// Recordings on disk.
#include "spikesmith/data/dataset.hpp"
#include "spikesmith/data/numpy.hpp"
#include "spikesmith/data/recording.hpp"
#include "spikesmith/data/spike_recording.hpp"

// Fitting to recordings.
#include "spikesmith/fit/trace_fitter.hpp"
#include "spikesmith/fit/voltage_clamp_search.hpp"

// How far simulations are from recordings.
#include "spikesmith/metrics/feature_metric.hpp"
#include "spikesmith/metrics/gamma_factor.hpp"
#include "spikesmith/metrics/mse.hpp"
#include "spikesmith/metrics/own_metric.hpp"
#include "spikesmith/metrics/spike_distance.hpp"

// Optimisers: by name, or with their options; one's own.
#include "spikesmith/optimize/differential_evolution.hpp"
#include "spikesmith/optimize/methods.hpp"
#include "spikesmith/optimize/nsga2.hpp"
#include "spikesmith/optimize/own_optimizer.hpp"
