. /media/core.sh
copy_version nginx-container/1.26

# Stands in for the configuration of RHEL's package, which has the default server in the main file.
cat > "$NGINX_CONF_PATH" <<'END'
user nginx;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {
}
http {
    include /etc/nginx/mime.types;
    access_log /var/log/nginx/access.log;
    include /etc/nginx/conf.d/*.conf;
    server {
        listen 80;
        root /usr/share/nginx/html;
        include /etc/nginx/default.d/*.conf;
    }
}
END
sed -i -f "$NGINX_APP_ROOT/nginxconf.sed" "$NGINX_CONF_PATH"
hooks="$NGINX_CONTAINER_SCRIPTS_PATH/nginx-start"
start="$NGINX_APP_ROOT/src/nginx-start"
mkdir -p "$NGINX_APP_ROOT"/etc/{nginx.d,nginx.default.d} "$start" "$hooks" "$NGINX_PERL_MODULE_PATH"
for path in "$NGINX_CONF_PATH" "$NGINX_APP_ROOT/etc" "$start" "$hooks" /var/lib/nginx /var/log/nginx /run; do
    chown -R 1001:0 "$path"
    chmod -R ug+rwX "$path"
done
