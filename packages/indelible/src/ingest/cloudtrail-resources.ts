/**
 * What a CloudTrail event acted upon.
 *
 * CloudTrail's own `resources` come first. Where it lists none, well-known request parameters name them: the table
 * below, by service, most specific first. Ids are ARNs where the event has them (or, for S3, where they can be built
 * exactly), else the name as the request gave it.
 *
 * Source:  AWS CloudTrail User Guide, "CloudTrail record contents"; CloudFormation's names for resource types.
 * Pure:    no I/O.
 */
import { type Json, LIMITS, type Resource } from '@indelible/core';
import { fitLine } from './fitting.ts';
import { isObject, member, text } from './json-bytes.ts';

/** By service: request parameter → resource type. */
const PARAMETERS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  cloudformation: { stackName: 'AWS::CloudFormation::Stack' },
  cloudtrail: { name: 'AWS::CloudTrail::Trail', trailName: 'AWS::CloudTrail::Trail' },
  dynamodb: { tableName: 'AWS::DynamoDB::Table' },
  ec2: {
    instanceId: 'AWS::EC2::Instance',
    volumeId: 'AWS::EC2::Volume',
    snapshotId: 'AWS::EC2::Snapshot',
    imageId: 'AWS::EC2::Image',
    groupId: 'AWS::EC2::SecurityGroup',
    networkInterfaceId: 'AWS::EC2::NetworkInterface',
    routeTableId: 'AWS::EC2::RouteTable',
    internetGatewayId: 'AWS::EC2::InternetGateway',
    natGatewayId: 'AWS::EC2::NatGateway',
    allocationId: 'AWS::EC2::EIP',
    keyName: 'AWS::EC2::KeyPair',
    subnetId: 'AWS::EC2::Subnet',
    vpcId: 'AWS::EC2::VPC',
  },
  ecr: { repositoryName: 'AWS::ECR::Repository' },
  iam: {
    roleName: 'AWS::IAM::Role',
    userName: 'AWS::IAM::User',
    groupName: 'AWS::IAM::Group',
    instanceProfileName: 'AWS::IAM::InstanceProfile',
    policyArn: 'AWS::IAM::ManagedPolicy',
    accessKeyId: 'AWS::IAM::AccessKey',
  },
  kms: { keyId: 'AWS::KMS::Key' },
  lambda: { functionName: 'AWS::Lambda::Function' },
  logs: { logGroupName: 'AWS::Logs::LogGroup' },
  rds: { dBInstanceIdentifier: 'AWS::RDS::DBInstance', dBClusterIdentifier: 'AWS::RDS::DBCluster' },
  route53: { hostedZoneId: 'AWS::Route53::HostedZone' },
  secretsmanager: { secretId: 'AWS::SecretsManager::Secret', name: 'AWS::SecretsManager::Secret' },
  sns: { topicArn: 'AWS::SNS::Topic' },
  sqs: { queueUrl: 'AWS::SQS::Queue' },
  ssm: { name: 'AWS::SSM::Parameter', instanceId: 'AWS::EC2::Instance', documentName: 'AWS::SSM::Document' },
  sts: { roleArn: 'AWS::IAM::Role' },
};

/** The resources of an event, without doubles, the most specific first; at most one more than may be related. */
export function cloudTrailResources(record: Json, service: string): Resource[] {
  const listed = listedResources(record);
  const all = listed.length > 0 ? listed : namedInRequest(record, service);
  const seen = new Set<string>();
  const distinct = all.filter(({ id }) => !seen.has(id) && seen.add(id));
  return distinct.slice(0, 1 + LIMITS.related_resources);
}

function listedResources(record: Json): Resource[] {
  const list = member(record, 'resources');
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry: Json) => {
    const id = text(entry, 'ARN') ?? text(entry, 'arn') ?? text(entry, 'ARNPrefix');
    if (id === undefined) return [];
    return [resource(text(entry, 'type') ?? typeFromArn(id), id)];
  });
}

function namedInRequest(record: Json, service: string): Resource[] {
  const request = member(record, 'requestParameters');
  const found = service === 's3' ? s3Resources(request) : [];
  for (const [parameter, type] of Object.entries(PARAMETERS[service] ?? {})) {
    const id = text(request, parameter);
    if (id !== undefined) found.push(resource(type, id));
  }
  if (service === 'ec2') found.push(...instances(request), ...instances(member(record, 'responseElements')));
  return found;
}

function s3Resources(request: Json | undefined): Resource[] {
  const bucket = text(request, 'bucketName');
  if (bucket === undefined) return [];
  const arn = `arn:aws:s3:::${bucket}`;
  const key = text(request, 'key');
  const object = key === undefined ? [] : [resource('AWS::S3::Object', `${arn}/${key}`)];
  return [...object, resource('AWS::S3::Bucket', arn)];
}

/** EC2 gives instances as `{"instancesSet":{"items":[{"instanceId":…}]}}`, in requests and in responses. */
function instances(value: Json | undefined): Resource[] {
  const items = member(member(value, 'instancesSet'), 'items');
  if (!Array.isArray(items)) return [];
  return items.flatMap((item: Json) => {
    const id = isObject(item) ? text(item, 'instanceId') : undefined;
    return id === undefined ? [] : [resource('AWS::EC2::Instance', id)];
  });
}

/** `arn:aws:ssm:us-east-1:123456789012:parameter/x` → `ssm:parameter`. */
function typeFromArn(arn: string): string {
  const [, , service, , , ...rest] = arn.split(':');
  if (!arn.startsWith('arn:') || service === undefined || service === '') return 'unknown';
  const kind = /^[a-z][a-z0-9-]*(?=[:/])/.exec(rest.join(':'))?.[0];
  return kind === undefined ? service : `${service}:${kind}`;
}

function resource(type: string, id: string): Resource {
  // The format gives the type of a resource and of an actor the same room.
  return { type: fitLine(type, LIMITS.actor_type), id: fitLine(id, LIMITS.identifier) };
}
