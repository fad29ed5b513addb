#include "spikesmith/codegen/machine_code.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <mutex>
#include <stdexcept>

#include <fmt/format.h>
#include <llvm/CodeGen/MachineModuleInfo.h>
#include <llvm/CodeGen/Passes.h>
#include <llvm/CodeGen/TargetPassConfig.h>
#include <llvm/ExecutionEngine/JITSymbol.h>
#include <llvm/ExecutionEngine/RuntimeDyld.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Module.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Object/ObjectFile.h>
#include <llvm/Pass.h>
#include <llvm/Support/Memory.h>
#include <llvm/Support/Process.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/TargetParser/Host.h>
#include <llvm/Transforms/Scalar.h>

namespace spikesmith::codegen {
namespace {

std::map<std::string, bool> host_features() {
    std::map<std::string, bool> features;  // ordered, so that the text of the features is always the same
    for (const auto& feature : llvm::sys::getHostCPUFeatures()) features[feature.getKey().str()] = feature.getValue();
    return features;
}

bool host_is_x86() {
    return llvm::Triple(llvm::sys::getProcessTriple()).isX86();
}

std::unique_ptr<llvm::TargetMachine> target_machine(const Target& target) {
    static std::once_flag initialised;
    std::call_once(initialised, [] {
        llvm::InitializeNativeTarget();
        llvm::InitializeNativeTargetAsmPrinter();
    });
    std::string error;
    const auto* description = llvm::TargetRegistry::lookupTarget(target.triple, error);
    if (description == nullptr) throw std::runtime_error("LLVM cannot compile for " + target.triple + ": " + error);
    llvm::TargetOptions options;
    options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
    return std::unique_ptr<llvm::TargetMachine>(
        description->createTargetMachine(target.triple, target.cpu, target.features, options, llvm::Reloc::PIC_,
                                         llvm::CodeModel::Small, llvm::CodeGenOptLevel::Aggressive));
}

// Functions that a code generator calls for operations the target has no instruction for.
const std::map<std::string, std::uintptr_t, std::less<>>& library_functions() {
    using Double1 = double (*)(double);
    using Float1 = float (*)(float);
    const auto address = [](auto function) { return reinterpret_cast<std::uintptr_t>(function); };
    static const std::map<std::string, std::uintptr_t, std::less<>> functions{
        {"fma", address(static_cast<double (*)(double, double, double)>(&std::fma))},
        {"fmaf", address(static_cast<float (*)(float, float, float)>(&std::fma))},
        {"floor", address(static_cast<Double1>(&std::floor))},
        {"floorf", address(static_cast<Float1>(&std::floor))},
        {"ceil", address(static_cast<Double1>(&std::ceil))},
        {"ceilf", address(static_cast<Float1>(&std::ceil))},
        {"trunc", address(static_cast<Double1>(&std::trunc))},
        {"truncf", address(static_cast<Float1>(&std::trunc))},
        {"nearbyint", address(static_cast<Double1>(&std::nearbyint))},
        {"nearbyintf", address(static_cast<Float1>(&std::nearbyint))},
        {"memset", address(&std::memset)},
        {"memcpy", address(&std::memcpy)},
        {"memmove", address(&std::memmove)},
    };
    return functions;
}

class LibraryResolver : public llvm::JITSymbolResolver {
  public:
    void lookup(const LookupSet& symbols, OnResolvedFunction on_resolved) override {
        LookupResult result;
        for (const auto symbol : symbols) {
            const auto found = library_functions().find(std::string_view(symbol));
            if (found == library_functions().end()) {
                on_resolved(llvm::createStringError(llvm::inconvertibleErrorCode(), "unknown symbol " + symbol));
                return;
            }
            result[symbol] = llvm::JITEvaluatedSymbol(found->second, llvm::JITSymbolFlags::Exported);
        }
        on_resolved(std::move(result));
    }
    llvm::Expected<LookupSet> getResponsibilitySet(const LookupSet&) override { return LookupSet(); }
};

// What addPassesToEmitFile does, without the scheduling of instructions before registers are assigned: it knows no limit to how far
// a processor looks ahead.
bool add_passes_that_keep_order(llvm::LLVMTargetMachine& machine, llvm::legacy::PassManager& passes,
                                llvm::raw_svector_ostream& stream) {
    auto* information = std::make_unique<llvm::MachineModuleInfoWrapperPass>(&machine).release();  // `passes` owns it
    auto* configuration = machine.createPassConfig(passes);                                        // and this
    configuration->disablePass(&llvm::MachineSchedulerID);
    passes.add(configuration);
    passes.add(information);
    if (configuration->addISelPasses()) return false;
    configuration->addMachinePasses();
    configuration->setInitialized();
    if (machine.addAsmPrinter(passes, stream, nullptr, llvm::CodeGenFileType::ObjectFile,
                              information->getMMI().getContext()))
        return false;
    passes.add(llvm::createFreeMachineFunctionPass());
    return true;
}

}  // namespace

std::vector<int> host_widths() {
    if (!host_is_x86()) return {2, 1};
    auto features = host_features();
    std::vector<int> widths;
    if (features["avx512f"] && features["avx512dq"] && features["avx512vl"]) widths.push_back(8);
    if (features["avx2"] && features["fma"]) widths.push_back(4);
    widths.insert(widths.end(), {2, 1});
    return widths;
}

Target host_target(int width) {
    Target target;
    target.triple = llvm::sys::getProcessTriple();
    target.cpu = llvm::sys::getHostCPUName().str();
    target.vector_bits = width * 64;
    const bool x86 = host_is_x86();
    for (const auto& [name, present] : host_features()) {
        // Code for narrow vectors is what machines without AVX-512 run, so that a width means the same everywhere.
        const bool too_wide =
            x86 && width < 8 && (name.starts_with("avx512") || name.starts_with("avx10") || name == "evex512");
        if (!target.features.empty()) target.features += ',';
        target.features += present && !too_wide ? '+' : '-';
        target.features += name;
    }
    target.avx512 = x86 && width == 8;
    return target;
}

std::string compile_object(llvm::Module& module, const Target& target) {
    const auto machine = target_machine(target);
    module.setTargetTriple(target.triple);
    module.setDataLayout(machine->createDataLayout());
    llvm::SmallVector<char, 0> object;
    llvm::raw_svector_ostream stream(object);
    llvm::legacy::PassManager passes;
    passes.add(llvm::createEarlyCSEPass());  // functions and their derivatives share work
    const bool ordered = std::any_of(module.begin(), module.end(),
                                     [](const llvm::Function& f) { return f.hasFnAttribute(keeps_order); });
    const bool possible =
        ordered ? add_passes_that_keep_order(static_cast<llvm::LLVMTargetMachine&>(*machine), passes, stream)
                : !machine->addPassesToEmitFile(passes, stream, nullptr, llvm::CodeGenFileType::ObjectFile);
    if (!possible) {
        throw std::runtime_error("LLVM cannot write object files for " + target.triple);
    }
    passes.run(module);
    return {object.begin(), object.end()};
}

// One block of memory: code first, then data, each on its own pages; writable until it is finished, never writable and
// executable at once.
struct LoadedCode::Memory : llvm::RuntimeDyld::MemoryManager {
    bool needsToReserveAllocationSpace() override { return true; }

    void reserveAllocationSpace(std::uintptr_t code_size, llvm::Align code_align, std::uintptr_t read_only_size,
                                llvm::Align read_only_align, std::uintptr_t writable_size,
                                llvm::Align writable_align) override {
        const auto page = static_cast<std::uintptr_t>(llvm::sys::Process::getPageSizeEstimate());
        const auto pages = [page](std::uintptr_t size) { return (size + page - 1) / page * page; };
        const std::uintptr_t slack = page + code_align.value() + read_only_align.value() + writable_align.value();
        code_capacity = pages(code_size + slack);
        const std::uintptr_t total = code_capacity + pages(read_only_size + writable_size + slack);
        std::error_code error;
        block = llvm::sys::OwningMemoryBlock(llvm::sys::Memory::allocateMappedMemory(
            total, nullptr, llvm::sys::Memory::MF_READ | llvm::sys::Memory::MF_WRITE, error));
        if (error) throw std::runtime_error("no memory for compiled code: " + error.message());
        data_used = code_capacity;
    }

    std::uint8_t* allocate(std::uintptr_t& used, std::uintptr_t limit, std::uintptr_t size, unsigned alignment) const {
        const std::uintptr_t first = (used + alignment - 1) / alignment * alignment;
        if (first + size > limit) return nullptr;
        used = first + size;
        return static_cast<std::uint8_t*>(block.base()) + first;
    }
    std::uint8_t* allocateCodeSection(std::uintptr_t size, unsigned alignment, unsigned, llvm::StringRef) override {
        return allocate(code_used, code_capacity, size, std::max(alignment, 1U));
    }
    std::uint8_t* allocateDataSection(std::uintptr_t size, unsigned alignment, unsigned, llvm::StringRef,
                                      bool) override {
        return allocate(data_used, block.allocatedSize(), size, std::max(alignment, 1U));
    }
    void registerEHFrames(std::uint8_t*, std::uint64_t, std::size_t) override {}  // compiled code never unwinds
    void deregisterEHFrames() override {}

    bool finalizeMemory(std::string* message) override {
        using llvm::sys::Memory;
        auto* base = static_cast<std::uint8_t*>(block.base());
        const llvm::sys::MemoryBlock code(base, code_capacity);
        const llvm::sys::MemoryBlock data(base + code_capacity, block.allocatedSize() - code_capacity);
        std::error_code error = Memory::protectMappedMemory(code, Memory::MF_READ | Memory::MF_EXEC);
        if (!error) error = Memory::protectMappedMemory(data, Memory::MF_READ);
        if (error && message != nullptr) *message = error.message();
        return static_cast<bool>(error);
    }

    llvm::sys::OwningMemoryBlock block;
    std::uintptr_t code_capacity = 0;
    std::uintptr_t code_used = 0;
    std::uintptr_t data_used = 0;
};

LoadedCode::LoadedCode(std::string_view object, const std::string& entry) : memory_(std::make_unique<Memory>()) {
    auto file = llvm::object::ObjectFile::createObjectFile(llvm::MemoryBufferRef(llvm::StringRef(object), "kernel"));
    if (!file) throw std::runtime_error("compiled code cannot be read: " + llvm::toString(file.takeError()));
    LibraryResolver resolver;
    llvm::RuntimeDyld loader(*memory_, resolver);
    loader.loadObject(**file);
    if (!loader.hasError()) loader.resolveRelocations();
    if (loader.hasError()) throw std::runtime_error("compiled code cannot be loaded: " + loader.getErrorString().str());
    std::string error;
    if (memory_->finalizeMemory(&error)) throw std::runtime_error("compiled code cannot be made executable: " + error);
    entry_ = static_cast<std::uintptr_t>(loader.getSymbol(entry).getAddress());
    if (entry_ == 0) throw std::runtime_error("compiled code lacks its entry");
}

LoadedCode::~LoadedCode() = default;

}  // namespace spikesmith::codegen
