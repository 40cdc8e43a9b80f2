// SPDX-License-Identifier: MIT
// Nothing: what is precompiled (support/backends.hpp) needs a program that it belongs to.
