# Language level, warnings and hardening for our own targets; never applied to dependencies.
# Hardening follows the OpenSSF compiler options guide; sanitizer builds leave FORTIFY out, since it hides reports.
set(SLUICE_SANITIZE "" CACHE STRING "address,undefined | thread | empty")
option(SLUICE_COVERAGE "Instrument for gcov" OFF)
option(SLUICE_FUZZ "Build libFuzzer targets (clang)" OFF)

add_library(sluice_options INTERFACE)
target_compile_features(sluice_options INTERFACE cxx_std_23)
target_include_directories(sluice_options INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_compile_options(sluice_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Wnon-virtual-dtor
  -Woverloaded-virtual -Wno-missing-field-initializers -Wformat=2 -Wimplicit-fallthrough -Werror
  -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -fno-strict-overflow
  -fno-delete-null-pointer-checks)
target_compile_definitions(sluice_options INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
  BOOST_ERROR_CODE_HEADER_ONLY)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # False positives of g++ 12 inside libstdc++ and Asio at -O2 and above.
  target_compile_options(sluice_options INTERFACE -Wno-restrict -Wno-stringop-overflow
    -Wno-maybe-uninitialized -Wno-array-bounds -Wno-stringop-overread -Wno-dangling-pointer)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND SLUICE_SANITIZE MATCHES thread)
  # Asio's fences, which TSan cannot see; it says so at each.
  target_compile_options(sluice_options INTERFACE -Wno-tsan)
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
target_link_options(sluice_options INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed)

if(SLUICE_FUZZ OR SLUICE_SANITIZE)
  # Half the time to compile; lines in reports need no more than this.
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1")
endif()
if(SLUICE_FUZZ)
  target_compile_options(sluice_options INTERFACE -fsanitize=fuzzer-no-link,address,undefined -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(sluice_options INTERFACE -fsanitize=address,undefined)
elseif(SLUICE_SANITIZE)
  target_compile_options(sluice_options INTERFACE -fsanitize=${SLUICE_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(sluice_options INTERFACE -fsanitize=${SLUICE_SANITIZE})
else()
  target_compile_definitions(sluice_options INTERFACE _GLIBCXX_ASSERTIONS)
  target_compile_options(sluice_options INTERFACE
    $<$<CONFIG:Release,RelWithDebInfo>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3>)
endif()
if(SLUICE_COVERAGE)
  target_compile_options(sluice_options INTERFACE --coverage)
  target_link_options(sluice_options INTERFACE --coverage)
endif()
