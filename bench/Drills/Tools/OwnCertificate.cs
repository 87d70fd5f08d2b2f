using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace OnnxMoe.Drills.Tools;

/// <summary>A certificate for localhost that nobody signed, with its key, in a file that goes away with it.</summary>
internal sealed class OwnCertificate : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("onnxmoe-drill-").FullName;

    public OwnCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        File.WriteAllText(Path, $"{certificate.ExportCertificatePem()}\n{key.ExportPkcs8PrivateKeyPem()}\n");
    }

    /// <summary>The file, PEM.</summary>
    public string Path => System.IO.Path.Combine(_folder, "own.pem");

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
