. /media/core.sh
copy_version s2i-nodejs-container/22
chmod +x "$STI_SCRIPTS_PATH/init-wrapper"
chown -R 1001:0 "$APP_ROOT"
chmod -R ug+rwx "$APP_ROOT"
