using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Serving.Hosting;

/// <summary>Reads the server's certificate and its chain from PEM or PFX files.</summary>
internal static class Certificates
{
    /// <summary>The certificate with those that sign it, ready for connections; read again when the files change.</summary>
    /// <exception cref="UserError">A file is missing, holds no certificate with a private key, or needs another password.</exception>
    public static WatchedFiles<SslStreamCertificateContext> Watch(TlsOptions tls, ILogger log, TimeProvider? time = null)
    {
        string[] files = tls.Key.Length > 0 ? [tls.Certificate, tls.Key] : [tls.Certificate];
        return new(files, () => Context(Read(tls)), log, time);
    }

    private static SslStreamCertificateContext Context(X509Certificate2Collection certificates) =>
        SslStreamCertificateContext.Create(certificates[0], [.. certificates.Skip(1)], offline: true);

    private static X509Certificate2Collection Read(TlsOptions tls)
    {
        foreach (var (path, setting) in (IEnumerable<(string, string)>)[(tls.Certificate, nameof(tls.Certificate)), (tls.Key, nameof(tls.Key))])
            if (path.Length > 0 && !File.Exists(path))
                throw new UserError($"Serve:Tls:{setting} is {path}, but there is no such file.");
        try
        {
            return X509Certificate2.GetCertContentType(tls.Certificate) == X509ContentType.Pfx ? FromPfx(tls) : FromPem(tls);
        }
        catch (Exception problem) when (problem is CryptographicException or ArgumentException or IOException or UnauthorizedAccessException)
        {
            throw new UserError($"Serve:Tls:Certificate {tls.Certificate} cannot be used with its private key and password (Serve:Tls:Key, Serve:Tls:Password): {problem.Message}", problem);
        }
    }

    private static X509Certificate2Collection FromPfx(TlsOptions tls)
    {
        var all = X509CertificateLoader.LoadPkcs12CollectionFromFile(tls.Certificate, tls.Password);
        var own = all.FirstOrDefault(certificate => certificate.HasPrivateKey)
            ?? throw new UserError($"Serve:Tls:Certificate {tls.Certificate} holds no certificate with a private key.");
        return [own, .. all.Where(certificate => certificate != own)];
    }

    private static X509Certificate2Collection FromPem(TlsOptions tls)
    {
        var key = tls.Key.Length > 0 ? tls.Key : tls.Certificate;
        var own = tls.Password.Length > 0
            ? X509Certificate2.CreateFromEncryptedPemFile(tls.Certificate, tls.Password, key)
            : X509Certificate2.CreateFromPemFile(tls.Certificate, key);
        var all = new X509Certificate2Collection();
        all.ImportFromPemFile(tls.Certificate);
        return [own, .. all.Skip(1)];
    }
}
