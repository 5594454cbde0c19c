. /media/core.sh
localedef -i en_US -f UTF-8 en_US.UTF-8

# Stand in for Python 3.12, and for the certificates of RHEL, where the pip of the wheel looks for them.
ln -s python3 /usr/bin/python3.12
mkdir -p /etc/pki/tls/certs
ln -s /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt

# `root/opt/wheels` is a link to a directory that is shared by the versions.
copy_version s2i-python-container/3.12
rm -rf /opt/wheels
python3.12 -m venv "$APP_ROOT"
"$APP_ROOT/bin/pip" install --no-index /mnt/s2i-python-container/3.12/root/opt/wheels/pip-*
chown -R 1001:0 "$APP_ROOT"
fix-permissions "$APP_ROOT" -P
echo "unset BASH_ENV PROMPT_COMMAND ENV" >> "$APP_ROOT/bin/activate"
