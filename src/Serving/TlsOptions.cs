using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Serving;

/// <summary>Encryption of the connections: section <c>Serve:Tls</c>.</summary>
public sealed class TlsOptions
{
    [Setting("Certificate of the server, with its chain: a PEM file, or a PFX file; none serves without TLS. Read again when it changes")]
    public string Certificate { get; set; } = "";

    [Setting("Private key of a PEM certificate, when it is in a file of its own")]
    public string Key { get; set; } = "";

    [Setting("Password of the private key or the PFX file")]
    public string Password { get; set; } = "";
}
