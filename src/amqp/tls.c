/* TLS to the broker.
 *
 * rabbitmq-c sets the sockets up but knows neither the system's certificates nor certificates that are made
 * out to an IP address, and forgets why a certificate was refused. So OpenSSL's context is configured
 * directly: it verifies chain and name within the handshake, and the reason is kept for the text.
 *
 * Not done here: password-protected keys, revocation lists. */
#include "tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

static int on_verify(int is_good, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tb_session *session = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    if (!is_good)
        session->verify_error = X509_STORE_CTX_get_error(store);
    return is_good;
}

static bool is_address(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

/* rabbitmq-c names the server by what it connected to, which is an address here. Before the first byte goes
 * out the name is put in its place; an address is none (RFC 6066). */
static void name_server(SSL *ssl, struct tb_session *session)
{
    SSL_set_tlsext_host_name(ssl, is_address(session->host) ? NULL : session->host);
    tb_session_began_handshake(session, SSL_get_fd(ssl));
}

static void on_info(const SSL *ssl, int where, int ret)
{
    struct tb_session *session = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    (void)ret;
    if (where & SSL_CB_HANDSHAKE_START && session->tls[0] == '\0')
        name_server((SSL *)(uintptr_t)ssl, session);
    if (where & SSL_CB_HANDSHAKE_DONE)
        snprintf(session->tls, sizeof(session->tls), "%s", SSL_get_version(ssl));
}

const char *tb_tls_reason(const struct tb_session *session)
{
    if (session->verify_error != X509_V_OK)
        return X509_verify_cert_error_string(session->verify_error);
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    return reason ? reason : "the server does not speak TLS on this port, or closed the connection";
}

static int refuse_file(struct tb_error *err, const char *what, const char *file)
{
    unsigned long error = ERR_peek_error();
    const char *reason =
        ERR_GET_LIB(error) == ERR_LIB_SYS ? strerror(ERR_GET_REASON(error)) : ERR_reason_error_string(error);
    return tb_error_set(err, -EINVAL, "the broker's %s can't be used: %s: %s", what, file,
                        reason ? reason : "it holds nothing of the kind");
}

static int load_files(SSL_CTX *context, const struct tb_amqp_options *options, struct tb_error *err)
{
    const char *ca = options->tls.ca_file, *cert = options->tls.cert_file, *key = options->tls.key_file;
    ERR_clear_error();
    if (ca && SSL_CTX_load_verify_locations(context, ca, NULL) != 1)
        return refuse_file(err, "CA certificate", ca);
    if (!ca && SSL_CTX_set_default_verify_paths(context) != 1)
        return tb_error_set(err, -EINVAL,
                            "the system's CA certificates can't be read: configure those of the broker");
    if (cert && SSL_CTX_use_certificate_chain_file(context, cert) != 1)
        return refuse_file(err, "client certificate", cert);
    if (key && SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        return refuse_file(err, "client key", key);
    return 0;
}

static int expect_name(SSL_CTX *context, const char *host, struct tb_error *err)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if ((is_address(host) ? X509_VERIFY_PARAM_set1_ip_asc(param, host)
                          : X509_VERIFY_PARAM_set1_host(param, host, 0)) != 1)
        return tb_error_set(err, -ENOMEM, "preparing TLS to the broker");
    return 0;
}

int tb_tls_configure(struct tb_session *session, amqp_socket_t *socket, const char *host,
                     const struct tb_amqp_options *options, struct tb_error *err)
{
    SSL_CTX *context = amqp_ssl_socket_get_context(socket);
    /* rabbitmq-c's own checks would come after OpenSSL's and know no IP addresses. */
    amqp_ssl_socket_set_verify_peer(socket, 0);
    amqp_ssl_socket_set_verify_hostname(socket, 0);
    session->verify_error = X509_V_OK;
    SSL_CTX_set_app_data(context, (char *)session);
    SSL_CTX_set_info_callback(context, on_info);
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    int r = load_files(context, options, err);
    if (r < 0 || !options->tls.verify)
        return r;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, on_verify);
    return expect_name(context, host, err);
}
