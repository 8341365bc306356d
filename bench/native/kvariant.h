/** @file Names the one variant that products.sh compiles. */
#pragma once
#include "variant.h"
namespace lab {
extern const Variant kVariant;
}
