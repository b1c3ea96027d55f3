// NVRTC's interface: the host's compiler makes a library of a kernel (host_compile.py), which driver.cpp loads.
//
// EMULATED_HOME      where this folder's libraries and the compiled kernels lie; set by emulate.sh
// EMULATED_NVRTC     path of a real libnvrtc.so, which must then compile every kernel as well; EMULATED_INCLUDE has CUDA's headers
// EMULATED_DRY=1     nothing is compiled for the host

#include <dlfcn.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#define NVRTC extern "C" __attribute__((visibility("default")))

typedef int Result;
const Result SUCCESS = 0, COMPILATION = 6;

struct Program {
    std::string source, log, ptx;
};

static std::string text_of(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

struct Real {
    Result (*create)(void**, const char*, const char*, int, const char* const*, const char* const*);
    Result (*compile)(void*, int, const char* const*);
    Result (*log_size)(void*, size_t*);
    Result (*log)(void*, char*);
    Result (*destroy)(void**);
    int compiled, refused;
};

static Real* real() {
    static Real* found = [] {
        const char* path = getenv("EMULATED_NVRTC");
        if (!path) return (Real*)nullptr;
        void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (!library) {
            fprintf(stderr, "emulated device: %s\n", dlerror());
            abort();
        }
        Real* real = new Real{};
        *(void**)&real->create = dlsym(library, "nvrtcCreateProgram");
        *(void**)&real->compile = dlsym(library, "nvrtcCompileProgram");
        *(void**)&real->log_size = dlsym(library, "nvrtcGetProgramLogSize");
        *(void**)&real->log = dlsym(library, "nvrtcGetProgramLog");
        *(void**)&real->destroy = dlsym(library, "nvrtcDestroyProgram");
        return real;
    }();
    return found;
}

static bool real_compiles(Program& program, int count, const char* const* options) {
    std::vector<std::string> held;
    for (int i = 0; i < count; i++)
        if (strncmp(options[i], "--include-path", 14)) held.push_back(options[i]);
    if (const char* include = getenv("EMULATED_INCLUDE")) {
        held.push_back(std::string("--include-path=") + include);
        held.push_back(std::string("--include-path=") + include + "/cccl");
    }
    std::vector<const char*> passed;
    for (auto& option : held) passed.push_back(option.c_str());
    void* other;
    real()->create(&other, program.source.c_str(), nullptr, 0, nullptr, nullptr);
    const Result result = real()->compile(other, (int)passed.size(), passed.data());
    if (result != SUCCESS) {
        size_t size = 0;
        real()->log_size(other, &size);
        program.log.resize(size);
        real()->log(other, program.log.data());
        fprintf(stderr, "emulated device: NVRTC refuses a kernel: %s\n", program.log.c_str());
    }
    real()->destroy(&other);
    ++(result == SUCCESS ? real()->compiled : real()->refused);
    return result == SUCCESS;
}

NVRTC Result nvrtcVersion(int* major, int* minor) { return *major = 13, *minor = 0, SUCCESS; }
NVRTC Result nvrtcCreateProgram(void** program, const char* source, const char*, int, const char* const*, const char* const*) {
    return *program = new Program{source, "", ""}, SUCCESS;
}
NVRTC Result nvrtcDestroyProgram(void** program) { return delete (Program*)*program, *program = nullptr, SUCCESS; }

NVRTC Result nvrtcCompileProgram(void* given, int count, const char* const* options) {
    static std::mutex one_at_a_time;
    const std::lock_guard<std::mutex> lock(one_at_a_time);
    Program& program = *(Program*)given;
    if (real() && !real_compiles(program, count, options)) return COMPILATION;
    program.ptx = "EMULATED:";
    if (getenv("EMULATED_DRY")) return SUCCESS;
    const std::string home = getenv("EMULATED_HOME") ? getenv("EMULATED_HOME") : ".";
    const std::string base = home + "/kernels/" + std::to_string(std::hash<std::string>{}(program.source)), library = base + ".so";
    struct stat found;
    if (stat(library.c_str(), &found)) {
        std::ofstream(base + ".cu") << program.source;
        const std::string command = "env -u LD_LIBRARY_PATH python3 '" + home + "/host_compile.py' '" + base + ".cu' '" + library + "' '" + home +
                                    "' > '" + base + ".log' 2>&1";
        if (system(command.c_str())) {
            program.log = text_of(base + ".log");
            fprintf(stderr, "emulated device: the host's compiler refuses %s.cu\n%s\n", base.c_str(), program.log.c_str());
            return COMPILATION;
        }
    }
    program.ptx += library;
    return SUCCESS;
}

static Result give(const std::string& text, char* place) { return memcpy(place, text.c_str(), text.size() + 1), SUCCESS; }
NVRTC Result nvrtcGetPTXSize(void* program, size_t* size) { return *size = ((Program*)program)->ptx.size() + 1, SUCCESS; }
NVRTC Result nvrtcGetPTX(void* program, char* place) { return give(((Program*)program)->ptx, place); }
NVRTC Result nvrtcGetProgramLogSize(void* program, size_t* size) { return *size = ((Program*)program)->log.size() + 1, SUCCESS; }
NVRTC Result nvrtcGetProgramLog(void* program, char* place) { return give(((Program*)program)->log, place); }
NVRTC const char* nvrtcGetErrorString(Result) { return "error of the emulated NVRTC"; }

__attribute__((destructor)) static void report() {
    if (real()) fprintf(stderr, "emulated device: NVRTC compiled %d kernels and refused %d\n", real()->compiled, real()->refused);
}
