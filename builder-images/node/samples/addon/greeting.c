/* A native add-on: it needs a C compiler when it is installed. */
#include <node_api.h>

static napi_value greeting(napi_env env, napi_callback_info info) {
  napi_value text;
  (void)info;
  napi_create_string_utf8(env, "hello from c", NAPI_AUTO_LENGTH, &text);
  return text;
}

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, NULL, 0, greeting, NULL, &function);
  napi_set_named_property(env, exports, "greeting", function);
  return exports;
}
